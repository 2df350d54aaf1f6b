"""Counts in the database: each process adds its own with every heartbeat, and whichever is asked tells those of all.

A process that dies by violence takes the last seconds of its counts with it.
"""

import logging
from collections.abc import Iterable
from typing import Any, Final

from django.db import DatabaseError, connection
from prometheus_client.metrics_core import Metric

from bifang.core.models import EventCount
from bifang.core.monitoring.counting import TALLIES, Key, pending

log = logging.getLogger(__name__)
_ADD: Final = (
    "INSERT INTO core_eventcount (name, labels, bucket, value) VALUES (%s, %s, %s, %s) "
    "ON CONFLICT (name, labels, bucket) DO UPDATE SET value = core_eventcount.value + excluded.value"
)


def write_counts() -> None:
    """Add to the database what this process has counted; what cannot be written is kept for the next time."""
    counts = pending.take()
    if not counts:
        return
    try:
        known = set(EventCount.objects.values_list("name", "labels").distinct())
        rows = [(*_within(key, known), value) for key, value in sorted(counts.items())]
        with connection.cursor() as cursor:
            cursor.executemany(_ADD, rows)
    except DatabaseError as error:
        pending.add(counts)
        log.debug("counts are not written: %s", error)


def _within(key: Key, known: set[tuple[str, str]]) -> Key:
    """The key, or that of all others where the kind has as many as it may have."""
    name, labels, bucket = key
    tally = TALLIES.get(name)
    if (name, labels) not in known:
        if tally and sum(each == name for each, _ in known) >= tally.most:
            return name, tally.rest, bucket
        known.add((name, labels))
    return key


def collect_counts() -> Iterable[Metric]:
    """Every tally, also what has not happened yet."""
    write_counts()
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name, labels, bucket, value in EventCount.objects.values_list("name", "labels", "bucket", "value"):
        found.setdefault(name, {}).setdefault(labels, {})[bucket] = value
    for tally in TALLIES:
        yield tally.family(found.get(tally.name, {}))


def flush(**_: Any) -> None:
    """Receiver of the signal after a task: its process may do nothing for long."""
    write_counts()
