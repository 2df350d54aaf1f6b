"""Queues of alerts: which ones somebody works through, in which order, what comes next, counts for the facets."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Final, Literal

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Case, F, IntegerField, Q, QuerySet, Value, When

from secops_agent.models import Alert, AlertAsset, Asset, IndicatorHit, IndicatorList, Staff
from secops_agent.models.choices import AlertStatus, Severity, Verdict
from secops_agent.services.alerts.queries.search import COMMON, narrowed
from secops_agent.services.alerts.queries.statistics import RULE
from secops_agent.services.alerts.queries.words import Keyword, about
from secops_agent.services.intelligence.matching import hits_in_force
from secops_agent.services.pages import COUNT_CAP, Total
from secops_agent.services.sla import SlaLimits, is_overdue

Tab = Literal["all", "mine", "unassigned", "at_risk"]
Order = Literal["urgent", "newest"]
Stage = Literal["", "fine", "at_risk", "broken"]
TABS: Final[tuple[Tab, ...]] = ("mine", "unassigned", "at_risk", "all")
NOBODY: Final = 0  # among ``assignees``: nobody has it
REACH: Final = 1000  # rows of a list that are paged through, and among which a neighbour is looked for
SAMPLE: Final = 3000  # the newest alerts whose kinds are counted
SHOWN: Final = 8  # values of a facet
_FIELDS: Final[Mapping[str, str]] = {
    "severity": "severities", "status": "statuses", "source": "sources", "rule": "rules", "asset": "assets",
    "assignee": "assignees", "verdict": "verdicts", "list": "lists",
}  # fmt: skip
DIMENSIONS: Final = tuple(_FIELDS)
_FIXED: Final = {"severity": list(Severity.values), "status": list(AlertStatus.values)}
_COLUMNS: Final = (
    "pk", "severity", "status", "source", "assignee_id", "verdict", "rule_name", "rule_id", "title",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AlertQueue:
    """Which alerts, and in which order. Empty values do not restrict, except that without ``statuses`` closed ones are
    left out. ``since`` and ``until`` are of ``last_seen``; ``mine``: the rows of 人员 that are the person's own;
    ``lists``: of indicators, that name something in them; ``among``: what `settle` found;
    ``private``: may the person read private parts? Else a keyword searches less (`words.Keyword`)."""

    tab: Tab = "all"
    mine: tuple[int, ...] = ()
    keyword: str = ""
    private: bool = False
    severities: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    assets: tuple[int, ...] = ()
    assignees: tuple[int, ...] = ()
    lists: tuple[int, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    order: Order = "urgent"
    among: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value of a facet, as the filter takes it and as people read it."""

    value: str
    label: str
    count: int


@dataclass(frozen=True)
class RiskClock:
    """One moment, and what time limits mean then. One query, when first asked."""

    now: datetime

    @cached_property
    def _limits(self) -> SlaLimits:
        return SlaLimits()

    @property
    def pressing(self) -> Q:
        """Not closed, and the time limit is over, or will be soon, as the severity has it."""
        return self._limits.pressing(self.now)

    def stage(self, row: Alert) -> Stage:
        """Where an alert stands with its limit."""
        if row.due_at is None or row.status == AlertStatus.CLOSED:
            return ""
        if is_overdue(row, self.now):
            return "broken"
        return "at_risk" if self._limits.is_at_risk(row, self.now) else "fine"


def settle(queue: AlertQueue) -> AlertQueue:
    """With what no index of the alerts knows looked up once, if it is not too much: it is asked for many times."""
    found: set[int] | None = None
    for rows in _unindexed(queue):
        mine = set(rows[: COMMON + 1])
        if len(mine) <= COMMON:
            found = mine if found is None else found & mine
    return queue if found is None else replace(queue, among=tuple(found))


def _unindexed(queue: AlertQueue) -> "Iterator[QuerySet[Any, int]]":
    if queue.assets:
        links = AlertAsset.objects.filter(asset_id__in=queue.assets)
        yield links.values_list("alert_id", flat=True)
    if queue.lists:
        yield _named_by(queue.lists).values_list("alert_id", flat=True).distinct()
    if queue.rules:
        yield Alert.objects.alias(rule=RULE).filter(rule__in=queue.rules).values_list("pk", flat=True)
    if queue.keyword:
        yield narrowed(Alert.objects.all(), Keyword(queue.keyword, queue.private)).values_list(
            "pk", flat=True
        )


def _named_by(lists: Collection[int]) -> "QuerySet[IndicatorHit]":
    return hits_in_force().filter(entry__list__in=lists).order_by()


def matching(queue: AlertQueue, clock: RiskClock) -> "QuerySet[Alert]":
    """The alerts, in no order."""
    lists = {
        "severity__in": queue.severities, "status__in": queue.statuses, "verdict__in": queue.verdicts, "source__in": queue.sources,
        "last_seen__gte": queue.since, "last_seen__lt": queue.until,
    }  # fmt: skip
    rows = Alert.objects.filter(**{name: values for name, values in lists.items() if values})
    if not queue.statuses:
        rows = rows.exclude(status=AlertStatus.CLOSED)
    rows = _about(_of_tab(rows, queue, clock), queue)
    if queue.assignees:
        nobody = Q(assignee=None) if NOBODY in queue.assignees else Q()
        rows = rows.filter(nobody | Q(assignee_id__in=queue.assignees))
    return rows


def _about(rows: "QuerySet[Alert]", queue: AlertQueue) -> "QuerySet[Alert]":
    """What `settle` has found is asked again only where it is cheap: it may have left out what was too much."""
    if queue.among is not None:
        rows = rows.filter(pk__in=queue.among)
    if queue.rules:
        rows = rows.alias(rule=RULE).filter(rule__in=queue.rules)
    if queue.assets:
        rows = rows.filter(pk__in=AlertAsset.objects.filter(asset_id__in=queue.assets).values("alert_id"))
    if queue.lists:
        rows = rows.filter(pk__in=_named_by(queue.lists).values("alert_id"))
    return rows.filter(about(Keyword(queue.keyword, queue.private))) if queue.keyword else rows


def _of_tab(rows: "QuerySet[Alert]", queue: AlertQueue, clock: RiskClock) -> "QuerySet[Alert]":
    match queue.tab:
        case "mine":
            return rows.filter(assignee_id__in=queue.mine)
        case "unassigned":
            return rows.filter(assignee=None)
        case "at_risk":
            return rows.filter(clock.pressing)
    return rows


def rule_of(row: Alert) -> str:
    """The rule's name, its id, or what it says."""
    return row.rule_name or row.rule_id or row.title


def ordered(queue: AlertQueue, clock: RiskClock) -> "QuerySet[Alert]":
    """By the clock first (over or nearly over), then by severity, then by what is due first; or the newest first."""
    rows = matching(queue, clock)
    if queue.order == "newest":
        return rows.order_by("-last_seen", "-id")
    late = Case(When(clock.pressing, then=Value(0)), default=Value(1))
    ranks = (When(severity=name, then=Value(rank)) for rank, name in enumerate(Severity.values))
    grave = Case(*ranks, default=Value(9), output_field=IntegerField())
    return rows.order_by(late, grave, F("due_at").asc(nulls_last=True), "-id")


def ids(queue: AlertQueue, clock: RiskClock, most: int = REACH) -> list[int]:
    """The first ones, in order."""
    return list(ordered(queue, clock).values_list("pk", flat=True)[:most])


def neighbours(queue: AlertQueue, pk: int, clock: RiskClock) -> tuple[int | None, int | None]:
    """What stands before and after it; for one that is not in the list, nothing and the first."""
    found = ids(queue, clock)
    if pk not in found:
        return None, found[0] if found else None
    place = found.index(pk)
    before = found[place - 1] if place else None
    return before, found[place + 1] if place + 1 < len(found) else None


def tab_counts(queue: AlertQueue, clock: RiskClock) -> dict[Tab, Total]:
    """How many are in each tab, within what else is asked; each counted no further than lists are. One query."""
    parts: list[str] = []
    parameters: list[Any] = []
    for tab in TABS:
        rows = matching(replace(queue, tab=tab), clock).order_by().values("pk")[: COUNT_CAP + 1]
        try:
            sql, given = rows.query.sql_with_params()
        except EmptyResultSet:
            sql, given = "SELECT 0 WHERE 1 = 0", ()
        parts.append(f"(SELECT COUNT(*) FROM ({sql}) AS counted_{tab})")  # noqa: S608 - our own
        parameters += given
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", parameters)
        counts = cursor.fetchone()
    return {tab: Total(min(n, COUNT_CAP), n > COUNT_CAP) for tab, n in zip(TABS, counts, strict=True)}


def newer(queue: AlertQueue, mark: int, clock: RiskClock, most: int = 100) -> int:
    """How many have come into the list since ``mark`` was the newest alert of all."""
    return matching(queue, clock).filter(pk__gt=mark).order_by().values("pk")[:most].count()


@dataclass(frozen=True, slots=True)
class Facets:
    """By dimension the most frequent values; ``sampled``: only of the newest `SAMPLE` alerts."""

    buckets: Mapping[str, tuple[FacetValue, ...]]
    sampled: bool


def facets(queue: AlertQueue, clock: RiskClock) -> Facets:
    """How many of what. A dimension that is restricted itself is counted as if it were not, to show what else there is."""
    whole, sampled = _count(matching(queue, clock), DIMENSIONS)
    for dimension, name in _FIELDS.items():
        if getattr(queue, name) or dimension == "status":
            # Without a choice of states the closed ones are left out of the list, but not of what can be chosen.
            every = tuple(AlertStatus.values) if dimension == "status" else ()
            other = _without(queue, name, every)
            counts, more = _count(matching(other, clock), (dimension,))
            whole, sampled = whole | counts, sampled or more
    found = {name: _buckets(name, whole[name], getattr(queue, field)) for name, field in _FIELDS.items()}
    return Facets(found, sampled)


def _without(queue: AlertQueue, name: str, every: tuple[str, ...]) -> AlertQueue:
    changes: dict[str, Any] = {name: every}
    other = replace(queue, **changes)
    return settle(replace(other, among=None)) if name in ("rules", "assets", "lists") else other


def _count(rows: "QuerySet[Alert]", dimensions: Collection[str]) -> tuple[dict[str, "Counter[str]"], bool]:
    """Of the newest rows, read once."""
    columns = _COLUMNS if len(dimensions) > 1 else ("pk", *_read_for(*dimensions))
    read = list(rows.order_by("-last_seen", "-id").values_list(*columns, named=True)[:SAMPLE])
    found: dict[str, Counter[str]] = {}
    for dimension in dimensions:
        if dimension == "asset":
            links = AlertAsset.objects.filter(alert_id__in=[row.pk for row in read])
            found[dimension] = Counter(str(pk) for pk in links.values_list("asset_id", flat=True))
        elif dimension == "list":
            pairs = hits_in_force([row.pk for row in read]).values_list("entry__list", "alert_id")
            found[dimension] = Counter(str(pk) for pk, _ in pairs.distinct())
        elif dimension == "rule":
            found[dimension] = Counter(rule_of(row) for row in read)
        elif dimension == "assignee":
            found[dimension] = Counter(str(row.assignee_id or NOBODY) for row in read)
        else:
            found[dimension] = Counter(getattr(row, dimension) for row in read)
    return found, len(read) == SAMPLE


def _read_for(dimension: str) -> tuple[str, ...]:
    return {
        "rule": ("rule_name", "rule_id", "title"),
        "assignee": ("assignee_id",),
        "asset": (),
        "list": (),
    }.get(dimension, (dimension,))


def _buckets(dimension: str, counts: "Counter[str]", chosen: Collection[object]) -> tuple[FacetValue, ...]:
    """The most frequent, and those that are chosen, whatever their number."""
    counts.pop("", None)
    fixed = _FIXED.get(dimension)
    values = fixed or [value for value, _ in counts.most_common(SHOWN)]
    values = [*values, *(str(each) for each in chosen if str(each) not in values)]
    labels = _labels(dimension, values)
    return tuple(FacetValue(each, labels.get(each, each), counts[each]) for each in values)


def _labels(dimension: str, values: Collection[str]) -> dict[str, str]:
    choices: dict[str, Any] = {"severity": Severity, "status": AlertStatus, "verdict": Verdict}
    if dimension in choices:
        return {str(value): str(label) for value, label in choices[dimension].choices}
    kinds: dict[str, Any] = {"asset": Asset, "assignee": Staff, "list": IndicatorList}
    if kind := kinds.get(dimension):
        known = kind._default_manager.filter(pk__in=[int(each) for each in values])
        named = {str(pk): str(name) for pk, name in known.values_list("pk", "name")}
        return named | ({str(NOBODY): "未分配"} if dimension == "assignee" else {})
    return {}
