"""Counts of alerts for a report: the database counts, no alert is read."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from bifang.core.database.rows import count_each
from secops_agent.models import SUPPRESSED, Alert, AlertAsset
from secops_agent.models.choices import AlertStatus, AssetType, Severity, Verdict
from secops_agent.services.alerts.queries.clocks import within
from secops_agent.services.alerts.queries.filters import RULE
from secops_agent.services.alerts.timing import time_taken
from secops_agent.services.privacy import mask_personal
from secops_agent.services.records import SEVERITIES
from secops_agent.services.reports.figures import (
    AlertFigures,
    BusyAsset,
    Counts,
    NoisyRule,
    Tick,
)
from secops_agent.services.reports.periods import Period

TOP: Final = 5
GRAVE: Final = (Severity.CRITICAL, Severity.HIGH)
_UNCLOSED: Final = (AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED)
_DISMISSED: Final = (Verdict.FALSE_POSITIVE, Verdict.BENIGN)


def count_alerts(period: Period) -> AlertFigures:
    """All numbers about alerts."""
    new, closed = _new(period), _closed(period)
    levels, sources, _ = _by_two(new, "source")
    closed_levels, verdicts, (recovered, kept) = _by_two(
        closed,
        "verdict",
        Count("pk", filter=Q(closed_by_source=True)),
        Count("pk", filter=Q(closed_at__lte=F("due_at"))),
    )
    verdicts.pop("", None)
    suppressed, broken, course = _counted_apart(period)
    left, overdue = _open(period.end)
    return AlertFigures(
        new=ordered(levels),
        closed=ordered(closed_levels),
        open=left,
        overdue=overdue,
        sources=_most(sources),
        verdicts=_most(verdicts),
        recovered=recovered,
        suppressed=suppressed,
        acknowledging=time_taken(_within(period, "acknowledged_at"), "acknowledged"),
        closing=time_taken(closed, "closed"),
        kept=kept,
        broken=broken,
        rules=_noisy_rules(new),
        assets=_busy_assets(period),
        course=course,
    )


def _within(period: Period, name: str) -> QuerySet[Alert]:
    return Alert.objects.filter(**{f"{name}__gte": period.start, f"{name}__lt": period.end})


def _new(period: Period) -> QuerySet[Alert]:
    return Alert.objects.filter(within("new", period.start, period.end))


def _closed(period: Period) -> QuerySet[Alert]:
    """By people or by their source."""
    return Alert.objects.filter(within("closed", period.start, period.end))


def public_name(name: str) -> str:
    """As everybody who gets the report may read it."""
    return mask_personal(name, "〔个人信息〕")


def _by_two(rows: QuerySet[Alert], name: str, *more: Count) -> tuple[Counter[str], Counter[str], list[int]]:
    """How many by severity, how many by another column, and what ``more`` comes to; one query."""
    levels, others, sums = Counter[str](), Counter[str](), [0] * len(more)
    extra = {f"more_{place}": each for place, each in enumerate(more)}
    for level, value, number, *counts in (
        rows.order_by().values_list("severity", name).annotate(Count("pk"), **extra)
    ):
        levels[level] += number
        others[value] += number
        sums = [known + count for known, count in zip(sums, counts, strict=True)]
    return levels, others, sums


def ordered(counts: dict[str, int]) -> Counts:
    """Counts by severity, the gravest first, without noughts."""
    return tuple((severity, counts[severity]) for severity in SEVERITIES if counts.get(severity))


def _open(at: datetime) -> tuple[Counts, Counts]:
    """All, and those overdue. Two questions in one, each with an index: what is open still, and what was closed since."""
    begun = Alert.objects.filter(first_seen__lt=at)
    still, since = begun.filter(status__in=_UNCLOSED), begun.filter(within("closed", at, None))
    late = Count("pk", filter=Q(due_at__lte=at))
    each = [
        rows.order_by().values_list("severity").annotate(Count("pk"), late=late) for rows in (still, since)
    ]
    left: Counter[str] = Counter()
    overdue: Counter[str] = Counter()
    for severity, number, passed in each[0].union(each[1], all=True):
        left[severity] += number
        overdue[severity] += passed
    return ordered(left), ordered(overdue)


def _most(counts: Counter[str]) -> Counts:
    found = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:TOP]
    return tuple((public_name(value), number) for value, number in found)


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
    rows = linked.order_by().values_list("asset_id", "asset__name", "asset__importance")
    counted = rows.annotate(number=Count("pk"), grave=grave).order_by("-number", "asset_id")
    return tuple(
        BusyAsset(public_name(name), importance, number, grave)
        for _, name, importance, number, grave in counted[:TOP]
    )


def _counted_apart(period: Period) -> tuple[int, int, tuple[Tick, ...]]:
    """What a rule closed, what missed its limit (what is open still, and what was closed too late, each with an index), and
    the course; one statement."""
    suppressed, due = _within(period, "closed_at").filter(SUPPRESSED), _within(period, "due_at")
    open_still = due.filter(status__in=_UNCLOSED)
    closed_late = due.filter(within("closed", period.start, None), closed_at__gt=F("due_at"))
    parts = dict(_ticks(period))
    begun = [_new(part) for part in parts.values()]
    ended = [_closed(part) for part in parts.values()]
    first, second, third, *rest = count_each([
        rows.values("pk") for rows in (suppressed, open_still, closed_late, *begun, *ended)
    ])  # fmt: skip
    course = zip(parts, rest[: len(parts)], rest[len(parts) :], strict=True)
    return first, second + third, tuple(Tick(*each) for each in course)


def _ticks(period: Period) -> Iterator[tuple[str, Period]]:
    """Every hour of a day, every day of a week or month, each counted by itself: its index knows it at once."""
    hourly = period.kind == "daily"
    step, form = (timedelta(hours=1), "%H") if hourly else (timedelta(days=1), "%m-%d")
    at = timezone.localtime(period.start)
    while at < period.end:
        yield at.strftime(form), replace(period, start=at, end=min(at + step, period.end))
        at += step
