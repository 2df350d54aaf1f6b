"""Open counts of assets: alerts, findings and exploited ones, for a page of a list."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery

from secops_agent.models import AlertAsset, Asset, Finding
from secops_agent.models.choices import AlertStatus


@dataclass(frozen=True, slots=True)
class OpenCounts:
    """How much is open on one asset."""

    alerts: int = 0
    findings: int = 0
    kev: int = 0


def open_counts(ids: Collection[int]) -> dict[int, OpenCounts]:
    """Two queries."""
    # By name, not by "not closed": the index of states has the few that are open side by side.
    going_on = (AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED)
    open_alerts = AlertAsset.objects.filter(asset_id__in=ids, alert__status__in=going_on)
    alerts = dict(open_alerts.order_by().values_list("asset_id").annotate(number=Count("pk")))
    open_findings = Finding.objects.filter(asset_id__in=ids, active=True).order_by()
    counted = open_findings.values_list("asset_id").annotate(
        number=Count("pk"), kev=Count("pk", filter=Q(vulnerability__kev=True))
    )
    flaws = {asset_id: (number, kev) for asset_id, number, kev in counted}
    return {pk: OpenCounts(alerts.get(pk, 0), *flaws.get(pk, (0, 0))) for pk in ids}


def worst_first(rows: "QuerySet[Asset]") -> "QuerySet[Asset]":
    """Those with the gravest open finding first; one look into an index each."""
    worst = Finding.objects.filter(asset_id=OuterRef("pk"), active=True).order_by("-priority", "-id")
    return rows.annotate(worst=Subquery(worst.values("priority")[:1])).order_by(
        F("worst").desc(nulls_last=True), "name", "id"
    )
