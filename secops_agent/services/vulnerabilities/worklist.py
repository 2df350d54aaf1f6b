"""What is still to be mended: open findings by severity, and those that attackers already use."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, QuerySet

from secops_agent.models import Finding
from secops_agent.models.choices import Importance
from secops_agent.services.records import SEVERITIES
from secops_agent.services.sla import findings_overdue

_IMPORTANT = (Importance.CRITICAL, Importance.HIGH)


@dataclass(frozen=True, slots=True)
class Worklist:
    """Open findings: by severity from the gravest down, of vulnerabilities in KEV, and over their time limit."""

    levels: tuple[tuple[str, int], ...]
    kev: int
    late: int


@dataclass(frozen=True, slots=True)
class AttackedAsset:
    """An important asset with findings of vulnerabilities in KEV."""

    id: int
    name: str
    importance: str
    findings: int


def _open() -> "QuerySet[Finding]":
    return Finding.objects.filter(active=True).order_by()


def worklist(now: datetime) -> Worklist:
    """Three queries, by indexes."""
    found: dict[str, int] = dict(_open().values_list("severity").annotate(number=Count("pk")))
    kev = _open().filter(vulnerability__kev=True).count()
    late = Finding.objects.filter(findings_overdue(now)).count()
    return Worklist(tuple((each, found.get(each, 0)) for each in SEVERITIES), kev, late)


def attacked_assets(most: int) -> tuple[int, list[AttackedAsset]]:
    """How many there are, and the most important ones with the most such findings."""
    rows = _open().filter(vulnerability__kev=True, asset__importance__in=_IMPORTANT)
    counted = rows.values_list("asset_id", "asset__name", "asset__importance").annotate(number=Count("pk"))
    ordered = list(counted.order_by("asset__importance", "-number", "asset__name"))
    return len(ordered), [AttackedAsset(*row) for row in ordered[:most]]
