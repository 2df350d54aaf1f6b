"""How long records are kept: applications say which, one job drops what is older, in small pieces, the oldest first."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Model, QuerySet

from bifang.core.database.db import database_now
from bifang.core.database.rows import count_each
from bifang.core.registry import Registry

log = logging.getLogger(__name__)
JOB: Final = f"{__name__}.run"
PIECE: Final = 100  # rows of one transaction: with all that hangs on them well below 50 ms
BREATH_S: Final = 0.02  # between two pieces others write
LONGEST_S: Final = 120.0  # of one run, every hour; the rest goes at the next
LATE: Final = timedelta(days=1)
_pause = threading.Event()


@dataclass(frozen=True, slots=True)
class Keeping:
    """``rows``: what may go of what is older than a moment, oldest first. ``column``: the time that counts.

    ``setting`` names the days in Django's settings, 0: for ever. ``drop`` instead of deleting `rows` by pieces: takes
    the moment and a deadline of the monotonic clock, returns how many went.
    """

    label: str
    setting: str
    rows: Callable[[datetime], "QuerySet[Any]"]
    column: str
    drop: Callable[[datetime, float], int] | None = None

    @classmethod
    def of(cls, label: str, setting: str, model: type[Model], column: str) -> "Keeping":
        """All rows of a model, by one of their times."""
        rows = model._default_manager.order_by(column)
        return cls(label, setting, lambda before: rows.filter(**{f"{column}__lt": before}), column)

    @property
    def days(self) -> int:
        """How long; 0: for ever."""
        return int(getattr(settings, self.setting))

    def remove(self, end: float) -> int:
        """Drop what is due until the monotonic clock says `end`; returns how many."""
        if not self.days:
            return 0
        before = database_now() - timedelta(days=self.days)
        return self.drop(before, end) if self.drop else drop_pieces(self.rows(before), end)


@dataclass(frozen=True, slots=True)
class RetentionStanding:
    """Whether the job keeps up: ``late_since`` is the time of the oldest record that should be gone, if one is left."""

    label: str
    days: int
    late_since: datetime | date | None


# In the order in which they are dropped.
KEEPINGS: Final = Registry[Keeping](attrgetter("label"))


def run(seconds: float = LONGEST_S) -> str:
    """The job: drop what is older than the settings say. Returns what went, for the record of the job."""
    end = time.monotonic() + seconds
    gone = [(each.label, each.remove(end)) for each in KEEPINGS]
    told = "，".join(f"{label} {count}" for label, count in gone if count)
    if told:
        log.info("按保留期清除：%s", told)
    return told or "没有到期的记录"


def drop_pieces(rows: "QuerySet[Any]", end: float) -> int:
    """Delete `rows` in short transactions until none is left or the monotonic clock says `end`. Returns how many."""
    count = 0
    while time.monotonic() < end and (ids := list(rows.values_list("pk", flat=True)[:PIECE])):
        with transaction.atomic():
            rows.model._default_manager.filter(pk__in=ids).delete()
        count += len(ids)
        breathe()
    return count


def breathe() -> None:
    """Let others write: SQLite gives its lock to whoever asks at the right moment, not to whoever waits."""
    _pause.wait(BREATH_S)


def retention_state() -> list[RetentionStanding]:
    """Of everything that is kept, for people. One statement, and another for each that is late."""
    since = database_now() - LATE
    late = [_left_behind(each, since) for each in KEEPINGS]
    found = count_each([rows.values("pk")[:1] for rows in late])
    return [
        RetentionStanding(
            each.label,
            each.days,
            rows.values_list(each.column, flat=True).first() if number else None,
        )
        for each, rows, number in zip(KEEPINGS, late, found, strict=True)
    ]


def _left_behind(keeping: Keeping, since: datetime) -> "QuerySet[Any]":
    """What should be gone since then; nothing of what is kept for ever."""
    rows = keeping.rows(since - timedelta(days=keeping.days))
    return rows if keeping.days else rows.none()
