"""What the alerts of a period come to. The database counts; no alert is read."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Q, QuerySet
from django.utils import timezone

from secops_agent.models import SUPPRESSED, Alert, AlertAsset, Asset
from secops_agent.models.choices import AlertStatus, AssetType, Severity, Verdict
from secops_agent.services.alerts.tallies import RULE
from secops_agent.services.privacy import mask_personal
from secops_agent.services.records import SEVERITIES
from secops_agent.services.reports.figures import (
    AlertFigures,
    BusyAsset,
    Counts,
    NoisyRule,
    Tick,
    TimeTaken,
)
from secops_agent.services.reports.periods import Period

TOP: Final = 5
GRAVE: Final = (Severity.CRITICAL, Severity.HIGH)
_DISMISSED: Final = (Verdict.FALSE_POSITIVE, Verdict.BENIGN)


def count_alerts(period: Period) -> AlertFigures:
    """All numbers about alerts."""
    new, closed = _within(period, "first_seen"), _closed(period)
    handled = _within(period, "acknowledged_at")
    broken = (
        _within(period, "due_at").exclude(SUPPRESSED).filter(Q(closed_at=None) | Q(closed_at__gt=F("due_at")))
    )
    by_verdict = closed.exclude(verdict="")
    left, overdue = _open(period.end)
    return AlertFigures(
        new=by_severity(new),
        closed=by_severity(closed),
        open=left,
        overdue=overdue,
        sources=_most(new, "source"),
        verdicts=_most(by_verdict, "verdict"),
        recovered=closed.filter(closed_by_source=True).count(),
        suppressed=_within(period, "closed_at").filter(SUPPRESSED).count(),
        acknowledging=_time_taken(handled, "acknowledged_at"),
        closing=_time_taken(closed.filter(closed_by_source=False), "closed_at"),
        kept=closed.filter(closed_at__lte=F("due_at")).count(),
        broken=broken.count(),
        rules=_noisy_rules(new),
        assets=_busy_assets(period),
        course=_course(period),
    )


def _within(period: Period, name: str) -> QuerySet[Alert]:
    return Alert.objects.filter(**{f"{name}__gte": period.start, f"{name}__lt": period.end})


def _closed(period: Period) -> QuerySet[Alert]:
    """By people or by their source."""
    return _within(period, "closed_at").exclude(SUPPRESSED)


def public_name(name: str) -> str:
    """As everybody who gets the report may read it."""
    return mask_personal(name, "〔个人信息〕")


def by_severity(rows: QuerySet[Any]) -> Counts:
    """The gravest first."""
    return ordered(dict(rows.order_by().values_list("severity").annotate(number=Count("pk"))))


def ordered(counts: dict[str, int]) -> Counts:
    """Counts by severity, the gravest first, without noughts."""
    return tuple((severity, counts[severity]) for severity in SEVERITIES if counts.get(severity))


def _open(at: datetime) -> tuple[Counts, Counts]:
    """All, and those overdue. Two questions, each with an index: what is open still, and what was closed since."""
    begun = Alert.objects.filter(first_seen__lt=at)
    still = begun.filter(status__in=(AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED))
    left: Counter[str] = Counter()
    overdue: Counter[str] = Counter()
    for rows in (still, begun.filter(status=AlertStatus.CLOSED, closed_at__gte=at).exclude(SUPPRESSED)):
        late = Count("pk", filter=Q(due_at__lt=at))
        for severity, number, passed in (
            rows.order_by().values_list("severity").annotate(Count("pk"), late=late)
        ):
            left[severity] += number
            overdue[severity] += passed
    return ordered(left), ordered(overdue)


def _most(rows: QuerySet[Alert], name: str) -> Counts:
    counted = rows.order_by().values_list(name).annotate(number=Count("pk")).order_by("-number", name)
    return tuple((public_name(value), number) for value, number in counted[:TOP])


def _time_taken(rows: QuerySet[Alert], until: str) -> TimeTaken | None:
    """From an alert's arrival; the median is read from its place, for not every database knows one."""
    span = ExpressionWrapper(F(until) - F("created_at"), output_field=DurationField())
    timed = rows.filter(**{f"{until}__gte": F("created_at")}).annotate(span=span)
    found = timed.aggregate(number=Count("pk"), mean=Avg("span"))
    number, mean = found["number"], found["mean"]
    if not number:
        return None
    middle = timed.order_by("span").values_list("span", flat=True)[(number - 1) // 2 : number // 2 + 1]
    spans = list(middle)
    return TimeTaken(number, _minutes(sum(spans, timedelta()) / len(spans)), _minutes(mean))


def _minutes(span: timedelta) -> float:
    return round(span.total_seconds() / 60, 1)


def _noisy_rules(new: QuerySet[Alert]) -> tuple[NoisyRule, ...]:
    dismissed = Count("pk", filter=Q(verdict__in=_DISMISSED))
    rows = new.annotate(rule=RULE).order_by().values_list("rule")
    counted = rows.annotate(number=Count("pk"), dismissed=dismissed).order_by("-number", "rule")
    return tuple(NoisyRule(public_name(rule), number, gone) for rule, number, gone in counted[:TOP])


def _busy_assets(period: Period) -> tuple[BusyAsset, ...]:
    """Without accounts: those are people."""
    linked = AlertAsset.objects.filter(
        alert__first_seen__gte=period.start, alert__first_seen__lt=period.end
    ).exclude(asset__asset_type=AssetType.ACCOUNT)
    grave = Count("pk", filter=Q(alert__severity__in=GRAVE))
    rows = linked.order_by().values_list("asset_id").annotate(number=Count("pk"), grave=grave)
    chosen = list(rows.order_by("-number", "asset_id")[:TOP])
    known = Asset.objects.in_bulk([pk for pk, _, _ in chosen])
    return tuple(
        BusyAsset(public_name(known[pk].name), known[pk].importance, number, grave)
        for pk, number, grave in chosen
        if pk in known
    )


def _course(period: Period) -> tuple[Tick, ...]:
    """Every hour of a day, every day of a week or month, each counted by itself: its index knows it at once."""
    hourly = period.kind == "daily"
    step, form = (timedelta(hours=1), "%H") if hourly else (timedelta(days=1), "%m-%d")
    at, ticks = timezone.localtime(period.start), []
    while at < period.end:
        part = replace(period, start=at, end=min(at + step, period.end))
        new, closed = _within(part, "first_seen").count(), _closed(part).count()
        ticks.append(Tick(at.strftime(form), new, closed))
        at += step
    return tuple(ticks)
