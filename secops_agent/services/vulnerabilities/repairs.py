"""Repairs of an asset: what is open on it, until when, and which upgrade of what mends the most."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from secops_agent.models import Finding
from secops_agent.services.records import SEVERITIES
from secops_agent.services.vulnerabilities.comparison.versions import highest

_READ: Final = 2000


@dataclass(frozen=True, slots=True)
class Repair:
    """One component: ``flaws`` open ones, ``unfixed`` of them without a version that mends; ``target`` mends all others, "" for none."""

    component: str
    version: str
    flaws: int
    unfixed: int
    target: str


@dataclass(frozen=True, slots=True)
class Repairs:
    """``levels``: (severity, number) of the open findings, ``kev`` of them of exploited flaws; ``due``: the next limit; what mends
    the most first."""

    levels: tuple[tuple[str, int], ...]
    kev: int
    due: datetime | None
    each: tuple[Repair, ...]


def repairs_of(asset_id: int, word: str = "") -> Repairs:
    """``word``: only of software of that name, or of flaws whose title has it. One query."""
    rows = Finding.objects.filter(asset_id=asset_id, active=True).order_by("-priority", "-id")
    found = rows.values_list(
        "severity", "vulnerability__kev", "due_at", "fixed_version", "vulnerability__title", "component__name",
        "component__version", "component__ecosystem",
    )[:_READ]  # fmt: skip
    levels, kev, due = Counter[str](), 0, list[datetime]()
    fixes: dict[tuple[str, str, str], list[str]] = {}
    for severity, exploited, limit, fixed, title, name, *kind in found:
        levels[severity] += 1
        kev += bool(exploited)
        due += [limit] if limit else []
        if name and word.lower() in f"{name} {title}".lower():
            fixes.setdefault((name, *kind), []).append(fixed)  # type: ignore[arg-type]
    each = [_repair(*key, said) for key, said in fixes.items()]
    return Repairs(
        tuple((level, levels[level]) for level in SEVERITIES if levels[level]),
        kev,
        min(due, default=None),
        tuple(sorted(each, key=lambda one: (not one.target, one.unfixed - one.flaws))),
    )


def _repair(name: str, version: str, scheme: str, fixed: list[str]) -> Repair:
    known = [each for each in fixed if each]
    return Repair(
        name.rpartition(":")[2], version, len(fixed), len(fixed) - len(known), highest(scheme, known)
    )
