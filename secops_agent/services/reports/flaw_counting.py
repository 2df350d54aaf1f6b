"""What the findings and assets of a period come to."""

from datetime import datetime
from typing import Final

from django.db.models import Count, Q, QuerySet

from secops_agent.models import Asset, Finding
from secops_agent.models.choices import FindingState, Importance
from secops_agent.services.reports.alert_counting import TOP, by_severity, ordered
from secops_agent.services.reports.figures import ExploitedFlaw, FlawFigures
from secops_agent.services.reports.periods import Period
from secops_agent.services.vulnerabilities.states import SETTLED

_IMPORTANT: Final = (Importance.CRITICAL, Importance.HIGH)


def count_flaws(period: Period) -> FlawFigures:
    """All numbers about findings."""
    span = (period.start, period.end)
    found = Finding.objects.filter(first_seen__gte=span[0], first_seen__lt=span[1])
    gone = Finding.objects.filter(state=FindingState.GONE, gone_at__gte=span[0], gone_at__lt=span[1])
    left = _open(period.end)
    counted = left.order_by().values_list("severity")
    by_level = list(counted.annotate(Count("pk"), late=Count("pk", filter=Q(due_at__lt=period.end))))
    exploited = left.filter(vulnerability__kev=True)
    weighty = Q(asset__importance__in=_IMPORTANT)
    kev = exploited.aggregate(
        findings=Count("pk"), assets=Count("asset_id", distinct=True),
        important=Count("asset_id", filter=weighty, distinct=True),
    )  # fmt: skip
    return FlawFigures(
        new=by_severity(found),
        gone=gone.count(),
        open=ordered({severity: number for severity, number, _ in by_level}),
        overdue=ordered({severity: late for severity, _, late in by_level}),
        kev_findings=kev["findings"],
        kev_assets=kev["assets"],
        kev_important=kev["important"],
        exploited=_most_exploited(exploited.filter(weighty)),
        new_assets=Asset.objects.filter(first_seen__gte=span[0], first_seen__lt=span[1]).count(),
    )


def _open(at: datetime) -> QuerySet[Finding]:
    since_gone = Q(state=FindingState.GONE, gone_at__gte=at, suppressed=False) & ~Q(decision__in=SETTLED)
    return Finding.objects.filter(Q(active=True) | since_gone, first_seen__lt=at)


def _most_exploited(rows: QuerySet[Finding]) -> tuple[ExploitedFlaw, ...]:
    names = ("vulnerability__vuln_id", "vulnerability__ransomware")
    counted = rows.order_by().values_list(*names).annotate(number=Count("asset_id", distinct=True))
    return tuple(
        ExploitedFlaw(vuln_id, number, ransomware)
        for vuln_id, ransomware, number in counted.order_by("-number", names[0])[:TOP]
    )
