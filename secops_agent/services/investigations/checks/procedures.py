"""Check of runbooks: the one that fits the alert."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bifang.core.errors import InvalidInput
from secops_agent.services import runbooks
from secops_agent.services.investigations.checks.base import Check, Evidence, Statement, nothing
from secops_agent.services.investigations.subject import Examined

_SHOWN: Final = 2
_PLAIN: Final = 0.6  # of the search's score: the same thing by its words alone


@dataclass(frozen=True, slots=True)
class ProcedureFacts:
    """The best first."""

    runbooks: tuple[Evidence, ...]


def look(subject: Examined) -> ProcedureFacts:
    """By the rule's name, and only what is about the same technique or plainly about the same thing."""
    alert = subject.alert
    mine = {_family(each) for each in alert.techniques}
    hits = [
        hit
        for hit in _search(alert.rule_name or alert.title)
        if hit.score >= _PLAIN or mine & {_family(each) for each in hit.techniques}
    ]
    return ProcedureFacts(tuple(Evidence("runbook", hit.id, hit.title) for hit in hits))


def _family(technique: str) -> str:
    """T1110.001 → T1110."""
    return str(technique).partition(".")[0]


def _search(query: str) -> list[runbooks.RunbookHit]:
    try:
        return list(runbooks.search(query[:200], _SHOWN))
    except InvalidInput:
        return []


def tell(facts: ProcedureFacts) -> Sequence[Statement]:
    """Their names."""
    if not facts.runbooks:
        return [nothing("没有对应的手册")]
    names = "、".join(f"「{each.name}」" for each in facts.runbooks)
    return [Statement(names, facts.runbooks)]


CHECK: Final = Check("procedures", "手册", ProcedureFacts, look, tell)
