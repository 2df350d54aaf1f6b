"""Tallies of findings: how many of each kind, and what is still to be mended."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import BooleanField, Case, Count, Q, QuerySet, Value, When

from secops_agent.models import Finding
from secops_agent.models.choices import FindingDecision, FindingState, Importance
from secops_agent.services.records import SEVERITIES
from secops_agent.services.sla import findings_overdue
from secops_agent.services.vulnerabilities.groups import KEV

# facet → the column; exploited ones are told by their priority, which needs no look at the vulnerability.
COLUMNS: Final[Mapping[str, str]] = {
    "severity": "severity", "kind": "kind", "state": "state", "decision": "decision", "source": "source", "kev": "exploited",
}  # fmt: skip
Chosen = Mapping[str, Collection[str]]


def narrowed(rows: "QuerySet[Finding]", chosen: Chosen) -> "QuerySet[Finding]":
    """The rows that have one of the chosen values of every facet; ``kev``: "1" or "0"."""
    for name, values in chosen.items():
        if name == "kev" and len(values) == 1:
            rows = rows.filter(priority__gte=KEV) if "1" in values else rows.filter(priority__lt=KEV)
        elif name != "kev" and values:
            rows = rows.filter(**{f"{COLUMNS[name]}__in": values})
    return rows


def tally(rows: "QuerySet[Finding]", chosen: Chosen) -> dict[str, Counter[str]]:
    """facet → value → how many there are, with what is chosen of the other facets. One query."""
    exploited = Case(
        When(Q(priority__gte=KEV), then=Value(True)), default=Value(False), output_field=BooleanField()
    )
    cells = rows.order_by().annotate(exploited=exploited).values_list(*COLUMNS.values())
    found: dict[str, Counter[str]] = {name: Counter() for name in COLUMNS}
    for *cell, number in cells.annotate(number=Count("pk")):
        values = [str(int(each)) if isinstance(each, bool) else each for each in cell]
        for name in _counting(values, chosen):
            found[name][values[list(COLUMNS).index(name)]] += number
    return found


def _counting(values: Sequence[str], chosen: Chosen) -> Sequence[str]:
    """The facets in which a cell counts: all, or the only one that it does not satisfy."""
    missed = [
        name
        for name, value in zip(COLUMNS, values, strict=True)
        if chosen.get(name) and value not in chosen[name]
    ]
    return list(COLUMNS) if not missed else missed if len(missed) == 1 else ()


SOON: Final = timedelta(days=7)
_IMPORTANT = (Importance.CRITICAL, Importance.HIGH)


@dataclass(frozen=True, slots=True)
class Worklist:
    """Open findings: by severity from the gravest down, of vulnerabilities in KEV, over their time limit, due `SOON`; and
    accepted risks that end `SOON`."""

    levels: tuple[tuple[str, int], ...]
    kev: int
    late: int
    due: int
    ending: int


@dataclass(frozen=True, slots=True)
class AttackedAsset:
    """An important asset with findings of vulnerabilities in KEV."""

    id: int
    name: str
    importance: str
    findings: int


def _open() -> "QuerySet[Finding]":
    return Finding.objects.filter(active=True).order_by()


def standing() -> tuple[dict[str, int], int]:
    """Open findings now: how many of each severity; and of vulnerabilities in KEV. Two queries."""
    levels: dict[str, int] = dict(_open().values_list("severity").annotate(number=Count("pk")))
    return levels, _open().filter(vulnerability__kev=True).count()


def worklist(now: datetime) -> Worklist:
    """Five queries, by indexes."""
    found, kev = standing()
    late = Finding.objects.filter(findings_overdue(now)).count()
    due, ending = (Finding.objects.filter(each(now)).count() for each in (due_soon, ending_soon))
    return Worklist(tuple((each, found.get(each, 0)) for each in SEVERITIES), kev, late, due, ending)


def due_soon(now: datetime) -> Q:
    """The findings whose time limit comes within `SOON`."""
    return Q(active=True, due_at__gt=now, due_at__lte=now + SOON)


def ending_soon(now: datetime) -> Q:
    """The accepted risks that are open again within `SOON`, unless somebody decides."""
    return Q(decision=FindingDecision.ACCEPTED, until__isnull=False, until__lte=now + SOON) & ~Q(
        state=FindingState.GONE
    )


def attacked_assets(most: int) -> tuple[int, list[AttackedAsset]]:
    """How many there are, and the most important ones with the most such findings."""
    rows = _open().filter(vulnerability__kev=True, asset__importance__in=_IMPORTANT)
    counted = rows.values_list("asset_id", "asset__name", "asset__importance").annotate(number=Count("pk"))
    ordered = list(counted.order_by("asset__importance", "-number", "asset__name"))
    return len(ordered), [AttackedAsset(*row) for row in ordered[:most]]
