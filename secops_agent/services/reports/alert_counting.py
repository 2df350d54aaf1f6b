"""Counts of alerts for a report: the database counts, no alert is read."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Case, Count, F, IntegerField, Q, QuerySet, Sum, Value, When
from django.utils import timezone

from bifang.core.database.rows import count_each
from secops_agent.models import SUPPRESSED, Alert, AlertAsset, handler_of
from secops_agent.models.choices import AlertStatus, AssetType, Severity, Verdict
from secops_agent.services.alerts.queries.clocks import within
from secops_agent.services.alerts.queries.filters import RULE
from secops_agent.services.alerts.queries.mistakes import MistakenRule, mistaken_rules
from secops_agent.services.alerts.queries.urgency import UNCLOSED, most_urgent, weighed, words
from secops_agent.services.alerts.timing import time_taken
from secops_agent.services.notifications.matching import linked_assets
from secops_agent.services.privacy import mask_personal
from secops_agent.services.records import SEVERITIES
from secops_agent.services.reports.figures import (
    AlertFigures,
    AlertTold,
    BusyAsset,
    Counts,
    Missed,
    MovedRule,
    NoisyRule,
    Tick,
)
from secops_agent.services.reports.periods import Period
from secops_agent.services.source_names import joined

TOP: Final = 5
_TOLD: Final = 3  # in sentences
MOST_OWNERS: Final = 10
GRAVE: Final = (Severity.CRITICAL, Severity.HIGH)
SEVERITY_WEIGHTS: Final = {"critical": 20, "high": 8, "medium": 2}  # of an alert; else 1
IMPORTANCE_WEIGHTS: Final = {"critical": 4, "high": 3, "medium": 2}  # of an asset; else 1
_UNCLOSED: Final = ~Q(status=AlertStatus.CLOSED)  # as the index of what is open has it
_RECOVERED: Final = Count("pk", filter=Q(closed_by_source=True))
_KEPT: Final = Count("pk", filter=Q(closed_at__lte=F("due_at")))
_DISMISSED: Final = (Verdict.FALSE_POSITIVE, Verdict.BENIGN)


def count_alerts(period: Period, left: Counts, overdue: Counts, *, worst: bool) -> AlertFigures:
    """All numbers about alerts. ``left``, ``overdue``: what is `standing` at its end. ``worst``: with its course, and the
    rules and assets with most, of which nothing is compared."""
    new, closed = _new(period), _closed(period)
    levels, sources, _ = _by_two(new, "source")
    closed_levels, verdicts, (recovered, kept) = _by_two(closed, "verdict", _RECOVERED, _KEPT)
    verdicts.pop("", None)
    rules, moved = _rules(new, _new(period.before)) if worst else ((), ())
    suppressed, missed = _suppressed(period), _missed(period)
    return AlertFigures(
        new=ordered(levels),
        closed=ordered(closed_levels),
        open=left,
        overdue=overdue,
        sources=_most(joined(sources)),
        verdicts=_most(verdicts),
        recovered=recovered,
        suppressed=suppressed.total(),
        suppressions=_most(suppressed),
        acknowledging=time_taken(_within(period, "acknowledged_at"), "acknowledged"),
        closing=time_taken(closed, "closed"),
        kept=kept,
        broken=sum(each.alerts for each in missed),
        missed=missed[:MOST_OWNERS],
        rules=rules,
        moved=moved,
        worst=worst_of(Alert.objects.filter(severity__in=GRAVE, first_seen__lt=period.end)) if worst else (),
        assets=_busy_assets(period) if worst else (),
        wrong=_wrong(closed) if worst else (),
        course=_course(period) if worst else (),
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


def standing(moments: Sequence[datetime]) -> dict[datetime, tuple[Counts, Counts]]:
    """At each moment, the earliest first, all and those overdue. Each alert is looked at once, whatever the number of moments."""
    left, overdue = ([Counter[str]() for _ in moments] for _ in range(2))
    begun, last = Alert.objects.filter(first_seen__lt=moments[-1]), Value(len(moments))
    still = begun.filter(_UNCLOSED).annotate(ended=last)
    since = begun.filter(within("closed", moments[0], None)).annotate(ended=place("closed_at__lt", moments))
    for rows in (still, since):
        told = rows.annotate(
            began=place("first_seen__lt", moments), late=place("due_at__lte", moments)
        ).order_by()
        for severity, began, late, ended, number in told.values_list(
            "severity", "began", "late", "ended"
        ).annotate(Count("pk")):
            for counts, first in ((left, began), (overdue, max(began, late))):
                for each in counts[first:ended]:
                    each[severity] += number
    return {at: (ordered(each), ordered(late)) for at, each, late in zip(moments, left, overdue, strict=True)}


def place(name: str, moments: Sequence[datetime], never: Q | None = None) -> Case:
    """The first of the moments of which it is true, else their number; that too where ``never`` is true."""
    whens = [When(**{name: at}, then=Value(number)) for number, at in enumerate(moments)]
    none = Value(len(moments))
    return Case(
        *([When(never, then=none)] if never else []), *whens, default=none, output_field=IntegerField()
    )


def _most(counts: Counter[str]) -> Counts:
    found = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:TOP]
    return tuple((public_name(value), number) for value, number in found)


def worst_of(rows: QuerySet[Alert]) -> tuple[AlertTold, ...]:
    """The most urgent of these that are open, in the order of the list of alerts."""
    ids = list(most_urgent(rows.filter(status__in=UNCLOSED)).values_list("pk", flat=True)[:_TOLD])
    found = weighed(Alert.objects.select_related("assignee", "case__owner"), ids).in_bulk()
    told = [found[pk] for pk in ids if pk in found]
    linked = linked_assets(told)
    return tuple(
        AlertTold(
            f"A{row.pk}", public_name(row.title), tuple(public_name(name) for _, name, kind, *_ in linked.get(row.pk, ()) if kind != AssetType.ACCOUNT),
            public_name(row.handler.name) if row.handler else "", f"E{row.case_id}" if row.case_id else "", words(row),
        )
        for row in told
    )  # fmt: skip


def _wrong(closed: QuerySet[Alert]) -> tuple[MistakenRule, ...]:
    return tuple(replace(each, rule=public_name(each.rule)) for each in mistaken_rules(closed, TOP))


def _rules(
    new: QuerySet[Alert], before: QuerySet[Alert]
) -> tuple[tuple[NoisyRule, ...], tuple[MovedRule, ...]]:
    """Those with most alerts, and those whose number changed most, as the whole did."""
    dismissed = Count("pk", filter=Q(verdict__in=_DISMISSED))
    rows = new.annotate(rule=RULE).order_by().values_list("rule")
    counted = list(rows.annotate(Count("pk"), dismissed=dismissed).order_by("rule"))
    noisy = sorted(counted, key=lambda each: -each[1])[:TOP]
    loud = tuple(NoisyRule(public_name(rule), *counts) for rule, *counts in noisy)
    earlier = dict(before.annotate(rule=RULE).order_by().values_list("rule").annotate(Count("pk")))
    moved = {rule: (number, earlier.pop(rule, 0)) for rule, number, _ in counted}
    moved |= {rule: (0, number) for rule, number in earlier.items()}
    rises = sum(now - then for now, then in moved.values()) >= 0
    by_step = sorted(moved.items(), key=lambda each: each[1][0] - each[1][1], reverse=rises)[:_TOLD]
    return loud, tuple(MovedRule(public_name(rule), *numbers) for rule, numbers in by_step)


def _busy_assets(period: Period) -> tuple[BusyAsset, ...]:
    """The most at risk first: what came by severity, times how much the asset matters. Without accounts: those are people."""
    linked = AlertAsset.objects.filter(
        alert__first_seen__gte=period.start, alert__first_seen__lt=period.end
    ).exclude(asset__asset_type=AssetType.ACCOUNT)
    grave = Count("pk", filter=Q(alert__severity__in=GRAVE))
    rows = linked.order_by().values_list("asset_id", "asset__name", "asset__importance")
    risk = Sum(_weight("alert__severity", SEVERITY_WEIGHTS)) * _weight(
        "asset__importance", IMPORTANCE_WEIGHTS
    )
    counted = rows.annotate(number=Count("pk"), grave=grave, risk=risk)
    counted = counted.order_by("-risk", "-number", "asset_id")
    return tuple(
        BusyAsset(public_name(name), importance, number, grave)
        for _, name, importance, number, grave, _ in counted[:TOP]
    )


def _weight(name: str, weights: Mapping[str, int]) -> Case:
    whens = (When(**{name: value}, then=Value(weight)) for value, weight in weights.items())
    return Case(*whens, default=Value(1), output_field=IntegerField())


def _suppressed(period: Period) -> Counter[str]:
    """What rules closed, by the rule."""
    rows = _within(period, "closed_at").filter(SUPPRESSED).order_by()
    return Counter(dict(rows.values_list("suppressed_by__name").annotate(Count("pk"))))


def _missed(period: Period) -> tuple[Missed, ...]:
    """What missed its limit, by who has it: what is open still, and what was closed too late, each with an index."""
    due = _within(period, "due_at").order_by()
    late = due.filter(within("closed", period.start, None), closed_at__gt=F("due_at"))
    left, closed = (
        Counter(dict(rows.values_list(handler_of("name")).annotate(Count("pk"))))
        for rows in (due.filter(_UNCLOSED), late)
    )
    names = sorted(left | closed, key=lambda name: (-left[name] - closed[name], name or ""))
    return tuple(Missed(public_name(name or ""), left[name] + closed[name], left[name]) for name in names)


def _course(period: Period) -> tuple[Tick, ...]:
    """What began and what ended in each tick; one statement."""
    parts = dict(_ticks(period))
    counts = count_each([rows.values("pk") for each in (_new, _closed) for rows in map(each, parts.values())])
    return tuple(map(Tick, parts, counts, counts[len(parts) :]))


def _ticks(period: Period) -> Iterator[tuple[str, Period]]:
    """Every hour of a day, every day of a week or month, each counted by itself: its index knows it at once."""
    hourly = period.kind == "daily"
    step, form = (timedelta(hours=1), "%H") if hourly else (timedelta(days=1), "%m-%d")
    at = timezone.localtime(period.start)
    while at < period.end:
        yield at.strftime(form), replace(period, start=at, end=min(at + step, period.end))
        at += step
