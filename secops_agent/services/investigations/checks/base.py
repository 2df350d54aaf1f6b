"""Checks: the type of one; it reads facts, tells them with their evidence, and says what they speak for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from secops_agent.models.choices import Verdict
from secops_agent.services.investigations.subject import Examined

EntityKind = Literal["alert", "asset", "finding", "vulnerability", "runbook", "silence"]
DISMISSED: Final = (Verdict.FALSE_POSITIVE, Verdict.BENIGN)
Counted = dict[str, int]  # how many by verdict


@dataclass(frozen=True, slots=True)
class Evidence:
    """A record that a statement rests on; ``name`` is how it is cited."""

    kind: EntityKind
    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence. Its text may hold what sources wrote: whoever shows it makes it harmless. ``is_private``: not in
    groups; ``is_empty``: it says that nothing was found.
    """

    text: str
    evidence: tuple[Evidence, ...]
    is_private: bool = False
    is_empty: bool = False


@dataclass(frozen=True, slots=True)
class Signal:
    """A reason of the table (`weighing.REASONS`) that holds here; ``detail``: in figures."""

    reason: str
    detail: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """``facts`` is the frozen dataclass that ``look`` gives: it is stored, and told and weighed anew whenever it is read."""

    name: str
    title: str
    facts: type[Any]
    look: Callable[[Examined], Any]
    tell: Callable[[Any], Sequence[Statement]]
    weigh: Callable[[Any], Sequence[Signal]] = lambda facts: ()


def alert_evidence(pk: int) -> Evidence:
    """An alert is cited by its code."""
    return Evidence("alert", pk, f"A{pk}")


def nothing(text: str, *evidence: Evidence) -> Statement:
    """That nothing was found is an answer, too."""
    return Statement(text, evidence, is_empty=True)


def verdict_words(counts: Counted) -> str:
    """真实攻击 2、误报 5; "" for none."""
    return "、".join(f"{Verdict(name).label} {number}" for name, number in counts.items() if number)


def is_mostly_dismissed(counts: Counted, least: int) -> bool:
    """So many judgements, and not one of a real attack, nine in ten of them 误报 or 正常行为?"""
    gone, total = sum(counts.get(each, 0) for each in DISMISSED), sum(counts.values())
    return total >= least and gone >= 0.9 * total and not counts.get(Verdict.TRUE_POSITIVE)
