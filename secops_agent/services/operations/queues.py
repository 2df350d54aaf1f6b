"""Queues of alerts: which ones somebody works through, in which order, what comes next, counts for the facets."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.db.models import QuerySet

from secops_agent.models import Alert, AlertAsset, Asset, IndicatorList, Staff, handler_of
from secops_agent.services.alerts.queries import filters
from secops_agent.services.alerts.queries.filters import ALERTS, NOBODY, RULE, AlertFilter, matching, named_by
from secops_agent.services.alerts.queries.search import COMMON, ENOUGH, newest
from secops_agent.services.intelligence.matching import hits_in_force
from secops_agent.services.pages import Total, counts_of
from secops_agent.services.sla import RiskClock
from secops_agent.services.source_names import joined, spelled

REACH: Final = 1000  # rows of a list that are paged through, and among which a neighbour is looked for
SAMPLE: Final = 3000  # the newest alerts whose kinds are counted
SHOWN: Final = 8  # values of a facet
_FACETS: Final = ALERTS.facets()
_COLUMNS: Final = (
    "pk", "severity", "status", "source", "held_by", "closed_by_id", "ended", "verdict", "rule_name", "rule_id", "title",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value of a facet, as the filter takes it and as people read it."""

    value: str
    label: str
    count: int


def settle(queue: AlertFilter, clock: RiskClock) -> AlertFilter:
    """With what no index of the alerts knows looked up once, if it is not too much: it is asked for many times. Of what
    has the keyword, it is all, or the newest, of the list, whichever its tab."""
    queue = replace(queue, sources=spelled(queue.sources), is_spelled=True)
    among: set[int] | None = None
    for rows in _unindexed(queue):
        mine = set(rows[: COMMON + 1])
        if len(mine) <= COMMON:
            among = mine if among is None else among & mine
    settled = queue if among is None else replace(queue, among=tuple(among))
    if not queue.keyword:
        return settled
    whole = replace(settled, mine=None, unassigned=False, pressing=False)
    ids, are_all = newest(matching(whole, clock), queue.sought, ENOUGH)
    return replace(queue, among=tuple(ids[: COMMON if are_all else ENOUGH]))


def _unindexed(queue: AlertFilter) -> "Iterator[QuerySet[Any, int]]":
    if queue.assets:
        links = AlertAsset.objects.filter(asset_id__in=queue.assets)
        yield links.values_list("alert_id", flat=True)
    if queue.lists:
        yield named_by(queue.lists).values_list("alert_id", flat=True).distinct()
    if queue.rules:
        yield Alert.objects.alias(rule=RULE).filter(rule__in=queue.rules).values_list("pk", flat=True)


def found(queue: AlertFilter, clock: RiskClock) -> "QuerySet[Alert]":
    """The alerts, in no order, of what was settled. That is asked again but for the keyword: it may have left out what
    was too much."""
    return matching(queue, clock)


def rule_of(row: Alert) -> str:
    """The rule's name, its id, or what it says."""
    return row.rule_name or row.rule_id or row.title


def ordered(queue: AlertFilter, clock: RiskClock) -> "QuerySet[Alert]":
    """The alerts, in the order that is asked for."""
    return filters.ordered(found(queue, clock), queue.order)


def ids(queue: AlertFilter, clock: RiskClock, most: int = REACH) -> list[int]:
    """The first ones, in order."""
    return list(ordered(queue, clock).values_list("pk", flat=True)[:most])


def neighbours(queue: AlertFilter, pk: int, clock: RiskClock) -> tuple[int | None, int | None]:
    """What stands before and after it; for one that is not in the list, nothing and the first."""
    near = ids(queue, clock)
    if pk not in near:
        return None, near[0] if near else None
    place = near.index(pk)
    before = near[place - 1] if place else None
    return before, near[place + 1] if place + 1 < len(near) else None


def counts(queues: Sequence[AlertFilter], clock: RiskClock) -> list[Total]:
    """How many are in each; each counted no further than lists are. One query."""
    return counts_of([found(queue, clock) for queue in queues])


def newer(queue: AlertFilter, mark: int, clock: RiskClock, most: int = 100) -> int:
    """How many have come into the list since ``mark`` was the newest alert of all."""
    return found(queue, clock).filter(pk__gt=mark).order_by().values("pk")[:most].count()


@dataclass(frozen=True, slots=True)
class Facets:
    """By dimension the most frequent values; ``sampled``: only of the newest `SAMPLE` alerts."""

    buckets: Mapping[str, tuple[FacetValue, ...]]
    sampled: bool


def facets(queue: AlertFilter, clock: RiskClock) -> Facets:
    """How many of what. A dimension that is restricted itself is counted as if it were not, to show what else there is."""
    whole, sampled = _count(found(queue, clock), tuple(_FACETS))
    for name, each in _FACETS.items():
        if getattr(queue, each.name):
            counted, more = _count(found(_without(queue, each.name, clock), clock), (name,))
            whole, sampled = whole | counted, sampled or more
    buckets = {name: _buckets(name, whole[name], getattr(queue, each.name)) for name, each in _FACETS.items()}
    return Facets(buckets, sampled)


def _without(queue: AlertFilter, name: str, clock: RiskClock) -> AlertFilter:
    nothing: dict[str, Any] = {name: ()}
    other = replace(queue, **nothing)
    again = queue.keyword or name in ("rules", "assets", "lists")
    return settle(replace(other, among=None), clock) if again else other


def _count(rows: "QuerySet[Alert]", dimensions: Collection[str]) -> tuple[dict[str, "Counter[str]"], bool]:
    """Of the newest rows, read once."""
    columns = _COLUMNS if len(dimensions) > 1 else ("pk", *_read_for(*dimensions))
    shown = rows.annotate(ended=filters.HOW_ENDED, held_by=handler_of("pk")).order_by("-last_seen", "-id")
    read = list(shown.values_list(*columns, named=True)[:SAMPLE])
    counted: dict[str, Counter[str]] = {}
    for dimension in dimensions:
        if dimension == "asset":
            links = AlertAsset.objects.filter(alert_id__in=[row.pk for row in read])
            counted[dimension] = Counter(str(pk) for pk in links.values_list("asset_id", flat=True))
        elif dimension == "list":
            pairs = hits_in_force([row.pk for row in read]).values_list("entry__list", "alert_id")
            counted[dimension] = Counter(str(pk) for pk, _ in pairs.distinct())
        elif dimension == "rule":
            counted[dimension] = Counter(rule_of(row) for row in read)
        elif dimension == "assignee":
            counted[dimension] = Counter(str(row.held_by or NOBODY) for row in read)
        elif dimension == "closer":
            counted[dimension] = Counter(str(row.closed_by_id) for row in read if row.closed_by_id)
        else:
            counted[dimension] = Counter(getattr(row, dimension) for row in read)
    return counted, len(read) == SAMPLE


def _read_for(dimension: str) -> tuple[str, ...]:
    return {
        "rule": ("rule_name", "rule_id", "title"),
        "assignee": ("held_by",),
        "closer": ("closed_by_id",),
        "asset": (),
        "list": (),
    }.get(dimension, (dimension,))


def _buckets(dimension: str, counts: "Counter[str]", chosen: Collection[object]) -> tuple[FacetValue, ...]:
    """The most frequent, and those that are chosen, whatever their number."""
    counts.pop("", None)
    if dimension == "source":
        counts = joined(counts)
        folded = {name.casefold(): name for name in counts}
        chosen = list(dict.fromkeys(folded.get(str(value).casefold(), value) for value in chosen))
    each = _FACETS[dimension]
    values = list(each.choices) if each.facet == "all" else [value for value, _ in counts.most_common(SHOWN)]
    values += [str(value) for value in chosen if str(value) not in values]
    names = labels(dimension, values)
    return tuple(FacetValue(value, names.get(value, value), counts[value]) for value in values)


def labels(dimension: str, values: Collection[str]) -> Mapping[str, str]:
    """The values of a facet as people read them; what reads by itself is left out."""
    kinds: dict[str, Any] = {"asset": Asset, "assignee": Staff, "closer": Staff, "list": IndicatorList}
    kind = kinds.get(dimension)
    if kind is None or not values:
        return _FACETS[dimension].choices
    known = kind._default_manager.filter(pk__in=[int(each) for each in values])
    named = {str(pk): str(name) for pk, name in known.values_list("pk", "name")}
    return named | ({str(NOBODY): "未分配"} if dimension == "assignee" else {})
