"""MTTA and MTTR: how long people take to acknowledge and to close alerts; for reports and chat."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from django.db.models import DurationField, ExpressionWrapper, F, QuerySet

from secops_agent.models import Alert
from secops_agent.services.alerts.queries.clocks import column
from secops_agent.services.alerts.queries.statistics import VALUES

Stage = Literal["acknowledged", "closed"]
MOST_READ = 20_000  # alerts that are read to tell groups apart, the newest


@dataclass(frozen=True, slots=True)
class TimeTaken:
    """Minutes that ``count`` alerts took; nine of ten no more than ``p90``. In reports as JSON: a field needs a default."""

    count: int
    median: float
    mean: float
    p90: float = 0.0


def time_taken(rows: "QuerySet[Alert]", stage: Stage) -> TimeTaken | None:
    """Of alerts that came to the stage; what sources closed is left out. Sorted by the database and read once, for not every one
    knows a median."""
    spans = list(_timed(rows, stage).order_by("span").values_list("span", flat=True))
    return _of(spans) if spans else None


def times_by(rows: "QuerySet[Alert]", stage: Stage, group: str) -> dict[str, TimeTaken]:
    """The same for each value of a column (severity, assignee, closer; "" for none), of the newest `MOST_READ`."""
    found: dict[str, list[timedelta]] = defaultdict(list)
    read = _timed(rows, stage).order_by(f"-{column(stage)}").values_list(VALUES[group], "span")
    for value, span in read[:MOST_READ]:
        found[str(value or "")].append(span)
    return {value: _of(sorted(spans)) for value, spans in found.items()}


def _of(spans: Sequence[timedelta]) -> TimeTaken:
    number = len(spans)
    middle = spans[(number - 1) // 2 : number // 2 + 1]
    mean, median = (sum(each, timedelta()) / len(each) for each in (spans, middle))
    return TimeTaken(number, _minutes(median), _minutes(mean), _minutes(spans[_ninth(number)]))


def _ninth(number: int) -> int:
    """The place of the first span that nine of ten do not exceed."""
    return math.ceil(number * 0.9) - 1


def _timed(rows: "QuerySet[Alert]", stage: Stage) -> "QuerySet[Any]":
    until = column(stage)
    rows = rows.filter(closed_by_source=False) if stage == "closed" else rows
    span = ExpressionWrapper(F(until) - F("created_at"), output_field=DurationField())
    return rows.filter(**{f"{until}__gte": F("created_at")}).annotate(span=span)


def _minutes(span: timedelta) -> float:
    return round(span.total_seconds() / 60, 1)
