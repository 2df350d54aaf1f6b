"""The numbers of 日报, 周报 and 月报; every one of them comes from here."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, QuerySet
from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.models import Alert, AlertAsset, Asset, Finding
from secops_agent.models.choices import AlertStatus, FindingState
from secops_agent.services.alerts import tallies
from secops_agent.services.records import SEVERITIES

PERIODS: dict[str, str] = {
    "today": "今日", "yesterday": "昨日", "this_week": "本周", "last_week": "上周", "this_month": "本月",
    "last_month": "上月",
}  # fmt: skip
_TOP = 5
Counts = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class SecurityReport:
    """Numbers of [start, end). Alerts count in the period of their first occurrence.

    ``previous_alerts``: the period before, of the same length so far. ``backlog``: open and acknowledged alerts now,
    by severity. Durations in minutes, None when nothing was acknowledged or closed.
    """

    period: str
    label: str
    start: datetime
    end: datetime
    alerts: int
    previous_alerts: int
    by_severity: Counts
    by_source: Counts
    by_status: Counts
    top_rules: Counts
    top_assets: Counts
    closed: int
    by_verdict: Counts
    minutes_to_acknowledge: float | None
    minutes_to_close: float | None
    backlog: Counts
    overdue_alerts: int
    new_findings: int
    gone_findings: int
    new_findings_by_severity: Counts
    open_findings: int
    open_kev_findings: int
    overdue_findings: int
    new_assets: int


def period_bounds(period: str, now: datetime) -> tuple[datetime, datetime]:
    """[start, end) in local time; a period that still runs ends now. Raises InvalidInput."""
    if period not in PERIODS:
        raise InvalidInput(f"没有「{period}」这种报告；可以是：{'、'.join(PERIODS)}。")
    local = timezone.localtime(now)
    today = local.replace(hour=0, minute=0, second=0, microsecond=0)
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
    return {
        "today": (today, local),
        "yesterday": (today - timedelta(days=1), today),
        "this_week": (monday, local),
        "last_week": (monday - timedelta(days=7), monday),
        "this_month": (first, local),
        "last_month": ((first - timedelta(days=1)).replace(day=1), first),
    }[period]


def security_report(period: str, now: datetime | None = None) -> SecurityReport:
    """All numbers of one period. Raises InvalidInput."""
    moment = now or timezone.now()
    start, end = period_bounds(period, moment)
    new = Alert.objects.filter(first_seen__gte=start, first_seen__lt=end)
    closed = Alert.objects.filter(closed_at__gte=start, closed_at__lt=end)
    earlier = Alert.objects.filter(first_seen__gte=start - (end - start), first_seen__lt=start)
    linked = AlertAsset.objects.filter(alert__in=new)
    return SecurityReport(
        period=period,
        label=PERIODS[period],
        start=start,
        end=end,
        alerts=new.count(),
        previous_alerts=earlier.count(),
        by_severity=_by_severity(new),
        by_source=_top(new, "source", 20),
        by_status=_top(new, "status", 5),
        top_rules=_top(new, "rule_name", _TOP),
        top_assets=_top(linked, "asset__name", _TOP),
        closed=closed.count(),
        by_verdict=_top(closed, "verdict", 10),
        minutes_to_acknowledge=_minutes(new, "acknowledged_at"),
        minutes_to_close=_minutes(closed, "closed_at"),
        backlog=_backlog(),
        overdue_alerts=_overdue(moment),
        new_assets=Asset.objects.filter(first_seen__gte=start, first_seen__lt=end).count(),
        **_findings(start, end, moment),
    )


def _findings(start: datetime, end: datetime, moment: datetime) -> dict[str, Any]:
    """The report's numbers about findings."""
    found = Finding.objects.filter(first_seen__gte=start, first_seen__lt=end)
    gone = Finding.objects.filter(state=FindingState.GONE, gone_at__gte=start, gone_at__lt=end)
    open_now = Finding.objects.filter(active=True)
    return {
        "new_findings": found.count(),
        "gone_findings": gone.count(),
        "new_findings_by_severity": _by_severity(found),
        "open_findings": open_now.count(),
        "open_kev_findings": open_now.filter(vulnerability__kev=True).count(),
        "overdue_findings": open_now.filter(due_at__lt=moment).count(),
    }


def _top(rows: "QuerySet[Alert] | QuerySet[AlertAsset]", name: str, limit: int) -> Counts:
    counted = rows.order_by().values_list(name).annotate(number=Count("pk")).order_by("-number", name)
    return tuple((value or "", number) for value, number in counted[:limit])


def _by_severity(rows: "QuerySet[Alert] | QuerySet[Finding]") -> Counts:
    counts = dict(rows.order_by().values_list("severity").annotate(number=Count("pk")))
    return tuple((severity, counts[severity]) for severity in SEVERITIES if severity in counts)


def _minutes(rows: QuerySet[Alert], until: str) -> float | None:
    """Mean time from an alert's arrival to ``until``."""
    span = ExpressionWrapper(F(until) - F("created_at"), output_field=DurationField())
    measured = rows.filter(**{f"{until}__isnull": False, f"{until}__gte": F("created_at")})
    mean = measured.aggregate(mean=Avg(span))["mean"]
    return round(mean.total_seconds() / 60, 1) if mean is not None else None


def _backlog() -> Counts:
    totals = tallies.totals(["backlog"], None, None)
    counts: dict[str, int] = {}
    for (_, value), number in totals.items():
        status, _, severity = value.partition(":")
        if status != AlertStatus.CLOSED:
            counts[severity] = counts.get(severity, 0) + number
    return tuple((severity, counts[severity]) for severity in SEVERITIES if severity in counts)


def _overdue(moment: datetime) -> int:
    return Alert.objects.exclude(status=AlertStatus.CLOSED).filter(due_at__lt=moment).count()
