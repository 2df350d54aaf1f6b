"""Batched writing: many rows, one short transaction at a time, one statement for many rows."""

import gc
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from statistics import median
from typing import Any, TypeVar, cast

from django.db import connection, transaction
from django.db.models import Field, Model

from bifang.core.database.db import on_postgresql
from bifang.core.database.rows import update_rows
from bifang.core.monitoring.disk import require_room

T = TypeVar("T")
ROWS = 500
_HOLD = 0.025  # processor seconds that one transaction should take; the dearest takes twice as long, 0.05 is allowed
_LEAST = 60  # less would only repeat what every transaction costs
_FIRST = 6  # what an alert costs, in occurrences (measured on SQLite)
_WHOLE = 1000  # items of a transaction on PostgreSQL
_LOCK = 0x42494641  # "BIFA": the advisory lock of imports on PostgreSQL


@contextmanager
def import_transaction() -> Iterator[None]:
    """One short transaction; imports take turns, so that two of them never create the same row.

    Raises DiskAlmostFull. SQLite's IMMEDIATE does that by itself, PostgreSQL by an advisory lock that ends with the transaction.
    """
    require_room()
    with _no_collection(), transaction.atomic():
        if on_postgresql():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        yield


@contextmanager
def _no_collection() -> Iterator[None]:
    """A full garbage collection of a large import's objects takes 0.3 s: not while everybody waits for the lock."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Pace:
    """How much the next transaction takes: as much as keeps it short, never more than ROWS rows.

    On PostgreSQL always _WHOLE: there only another import waits for it. On SQLite everybody who writes does: the median of the last few decides. What counts is this thread's processor time: waiting for a lock or for a busy
    machine is no reason for smaller pieces, which would only make it busier. With ``thing_of``
    an item of a thing that is not in the piece yet weighs _FIRST of the others: what comes at five hundred
    occurrences of one alert says nothing about five hundred alerts.
    """

    def __init__(self, weight: int = _LEAST, thing_of: Callable[[Any], Hashable] | None = None) -> None:
        self.weight = weight
        self._thing_of = thing_of
        self._costs: deque[float] = deque(maxlen=5)  # seconds of weight 1

    def chunks(self, items: Iterable[T]) -> Iterator[list[T]]:
        """Pieces of `items`; what is worked until the next one is asked for decides about its size."""
        source = iter(items)
        if on_postgresql():
            yield from iter(lambda: list(islice(source, _WHOLE)), [])
            return
        while taken := self._take(source):
            chunk, weight = taken
            started = time.thread_time()
            yield chunk
            self._learn(weight, time.thread_time() - started)

    def _take(self, source: Iterator[T]) -> tuple[list[T], int] | None:
        chunk: list[T] = []
        weight, things = 0, set[Hashable]([None])
        for item in source:
            thing = self._thing_of(item) if self._thing_of else None
            weight += 1 if thing in things else _FIRST
            things.add(thing)
            chunk.append(item)
            if weight >= self.weight:
                break
        return (chunk, weight) if chunk else None

    def _learn(self, weight: int, seconds: float) -> None:
        self._costs.append(max(seconds, 1e-4) / weight)
        self.weight = int(min(ROWS, max(_LEAST, _HOLD / median(self._costs)), self.weight * 2))


def state_of(row: Model, names: Sequence[str]) -> dict[str, Any]:
    """The values of some fields; for `update_changed`."""
    fields = [cast("Field[Any, Any]", row._meta.get_field(name)) for name in names]
    return {field.name: getattr(row, field.attname) for field in fields}


def update_changed(model: type[Model], rows: Iterable[tuple[Model, Mapping[str, Any]]]) -> None:
    """Write what differs from what `state_of` was, in the caller's transaction: every column more costs its indexes."""
    kinds: dict[tuple[str, ...], list[Model]] = {}
    for row, before in rows:
        now = state_of(row, tuple(before))
        changed = tuple(name for name, value in before.items() if now[name] != value)
        kinds.setdefault(changed, []).append(row)
    for changed, same in kinds.items():
        if changed:
            update_rows(model, changed, same)


def by_key(rows: Iterable[T], name: str) -> dict[Any, T]:
    """Rows by one of their attributes."""
    return {getattr(row, name): row for row in rows}


def assign(row: Model, values: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Set what differs; returns field → (old, new)."""
    changed: dict[str, tuple[Any, Any]] = {}
    for name, value in values.items():
        old = getattr(row, name)
        if old != value:
            changed[name] = (old, value)
            setattr(row, name, value)
    return changed
