"""Counts of alerts by hour and day, kept as alerts change, so that statistics never read the alerts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, F, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce, Concat, NullIf

from secops_agent.models import Alert, AlertTally

Cell = tuple[str, str, datetime, str]  # dimension, span, start, value
RULE = Coalesce(NullIf("rule_name", Value("")), NullIf("rule_id", Value("")), "title")
# The value of a dimension as `Counted.of` has it.
_VALUES: dict[str, Any] = {name: F(name) for name in ("severity", "status", "source", "verdict")}
_VALUES["rule"] = RULE
_VALUES["asset"], _VALUES["assignee"] = F("asset_links__asset_id"), F("assignee_id")
_VALUES["backlog"] = Concat("status", Value(":"), "severity")
_PIECE = 150
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Counted:
    """What an alert counts as, at one moment."""

    last_seen: datetime
    values: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, row: Alert, asset_ids: Iterable[int]) -> "Counted":
        """``rule`` is the rule's name where it has one; ``backlog`` "open:critical"; no assignee: ""."""
        rule = row.rule_name or row.rule_id or row.title
        values = [
            ("severity", row.severity), ("status", row.status), ("source", row.source), ("rule", rule[:200]),
            ("verdict", row.verdict), ("assignee", str(row.assignee_id or "")),
            ("backlog", f"{row.status}:{row.severity}"),
        ]  # fmt: skip
        return cls(row.last_seen, (*values, *(("asset", str(pk)) for pk in sorted(asset_ids))))


def change(pairs: Iterable[tuple[Counted | None, Counted | None]]) -> None:
    """Alerts that were (None: new) and are (None: gone). The last statement of a transaction: its rows are shared."""
    deltas: Counter[Cell] = Counter()
    for old, new in pairs:
        if old == new:
            continue
        for counted, step in ((old, -1), (new, 1)):
            if counted is not None:
                _count(deltas, counted, step)
    _add(sorted((cell, step) for cell, step in deltas.items() if step))


def _count(deltas: "Counter[Cell]", counted: Counted, step: int) -> None:
    hour, day = hour_of(counted.last_seen), day_of(counted.last_seen)
    for dimension, value in counted.values:
        deltas[(dimension, "h", hour, value)] += step
        deltas[(dimension, "d", day, value)] += step


def _add(rows: Sequence[tuple[Cell, int]]) -> None:
    """In one order everywhere, so that two transactions never wait for each other."""
    table = connection.ops.quote_name(AlertTally._meta.db_table)
    with connection.cursor() as cursor:
        for start in range(0, len(rows), _PIECE):
            piece = rows[start : start + _PIECE]
            places = ", ".join(["(%s, %s, %s, %s, %s)"] * len(piece))
            values = [
                part
                for (dimension, span, at, value), step in piece
                for part in (dimension, span, connection.ops.adapt_datetimefield_value(at), value, step)
            ]
            cursor.execute(
                f"INSERT INTO {table} (dimension, span, start, value, count) VALUES {places} "  # noqa: S608 - our own table
                f"ON CONFLICT (dimension, span, start, value) DO UPDATE SET count = {table}.count + excluded.count",
                values,
            )


def hour_of(at: datetime) -> datetime:
    """The start of its hour, UTC."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def day_of(at: datetime) -> datetime:
    """The start of its day, UTC."""
    return hour_of(at).replace(hour=0)


def totals(
    dimensions: Sequence[str], since: datetime | None, until: datetime | None
) -> Counter[tuple[str, str]]:
    """(dimension, value) → alerts whose last_seen is in [since, until), exactly.

    Whole days and hours come from the counts, the minutes at the two ends from the alerts themselves.
    """
    found: Counter[tuple[str, str]] = Counter()
    spans, edges = _cover(since, until)
    rows = AlertTally.objects.filter(spans, dimension__in=dimensions).values_list("dimension", "value")
    for dimension, value, count in rows.annotate(total=Sum("count")).order_by():
        found[(dimension, value)] += count
    for start, end in edges:
        _count_edge(found, dimensions, start, end)
    return +found


def _cover(
    since: datetime | None, until: datetime | None
) -> tuple[Q, list[tuple[datetime, datetime | None]]]:
    """The day and hour cells inside, and what is left at the ends as intervals."""
    edges: list[tuple[datetime, datetime | None]] = []
    first_hour, last_hour = None, None
    if since is not None:
        first_hour = hour_of(since) if hour_of(since) == since else hour_of(since) + _HOUR
    if until is not None:
        last_hour = hour_of(until)
    if first_hour is not None and last_hour is not None and first_hour >= last_hour:
        assert since is not None
        return Q(pk__in=[]), [(since, until)]
    if since is not None and first_hour is not None and since < first_hour:
        edges.append((since, first_hour))
    if until is not None and last_hour is not None and last_hour < until:
        edges.append((last_hour, until))
    return _cells(first_hour, last_hour), edges


def _cells(first: datetime | None, last: datetime | None) -> Q:
    """Days where whole days lie inside, hours before and after them."""
    first_day = None if first is None else day_of(first) if day_of(first) == first else day_of(first) + _DAY
    last_day = None if last is None else day_of(last)
    if first_day is not None and last_day is not None and first_day >= last_day:
        return Q(span="h") & _between(first, last)
    cells = Q(span="d") & _between(first_day, last_day)
    if first is not None and first != first_day:
        cells |= Q(span="h") & _between(first, first_day)
    if last is not None and last != last_day:
        cells |= Q(span="h") & _between(last_day, last)
    return cells


def _between(start: datetime | None, end: datetime | None) -> Q:
    inside = Q()
    if start is not None:
        inside &= Q(start__gte=start)
    if end is not None:
        inside &= Q(start__lt=end)
    return inside


def _count_edge(
    found: "Counter[tuple[str, str]]", dimensions: Sequence[str], start: datetime, end: datetime | None
) -> None:
    """Less than an hour of alerts, counted by the database."""
    inside = Alert.objects.filter(last_seen__gte=start)
    inside = inside.filter(last_seen__lt=end) if end is not None else inside
    for dimension in dimensions:
        rows = inside.annotate(value=_VALUES[dimension]).order_by().values_list("value")
        for value, count in rows.annotate(number=Count("pk")):
            if value is not None or dimension == "assignee":
                found[(dimension, str("" if value is None else value)[:200])] += count


def by_hour(since: datetime | None, until: datetime | None) -> "Counter[datetime]":
    """Alerts by the hour of their last_seen, whole hours that touch the interval."""
    rows = _hours(since, until).values_list("start")
    return +Counter(dict(rows.annotate(total=Sum("count")).order_by()))


def levels_by_hour(since: datetime | None, until: datetime | None) -> "Counter[tuple[datetime, str]]":
    """`by_hour`, for each severity."""
    rows = _hours(since, until).values_list("start", "value", "count")
    return +Counter({(start, severity): count for start, severity, count in rows})


def _hours(since: datetime | None, until: datetime | None) -> "QuerySet[AlertTally]":
    inside = _between(since and hour_of(since), until)
    return AlertTally.objects.filter(inside, dimension="severity", span="h").order_by()


def compact() -> int:
    """Drop cells that came to nothing. Returns how many."""
    return AlertTally.objects.filter(count=0).delete()[0]
