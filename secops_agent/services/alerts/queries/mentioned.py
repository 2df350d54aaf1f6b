"""Observables in the texts of alerts: stored for looking up; a job reads the alerts that are older than this table."""

import time
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, Final

from django.db.models import Exists

from bifang.core.database.rows import insert_many
from secops_agent.models import Alert, AlertIndicator, AlertMention, MentionBacklog
from secops_agent.services.intelligence.mentions import mentions
from secops_agent.services.privacy import PRIVATE_INDICATORS
from secops_agent.services.reading import values_by
from secops_agent.services.writing import import_transaction

JOB: Final = f"{__name__}.catch_up"
_PIECE: Final = 100  # alerts of one transaction
_OBSERVED: Final = f"SELECT alert_id FROM {AlertIndicator._meta.db_table}"  # noqa: S608 - names of our own
_TOLD: Final = f"SELECT alert_id FROM {AlertMention._meta.db_table}"  # noqa: S608 - names of our own


def mention_rows(
    alert_id: int, texts: tuple[str, str], known: Collection[tuple[str, str]]
) -> Iterator[dict[str, Any]]:
    """Rows of `AlertMention` for title and description; ``known``: its indicators, which need no second row."""
    for kind, value in mentions(*texts):
        if (kind, value) not in known:
            yield {"alert_id": alert_id, "kind": kind, "value": value}


def naming(values: Collection[str], *, private: bool = False) -> tuple[str, list[str]]:
    """A statement for the ids of alerts that have one of the values as an indicator, or name it in their text, and its
    parameters: as text, because every search by a keyword asks it, several times.

    ``private``: who asks may read private parts; without, a person's account or address leads to no alert, not even where
    its text was read as a domain (zhou.wang).
    """
    one, own = _marks(values), list(values)
    observed, told = f"{_OBSERVED} WHERE value IN ({one})", f"{_TOLD} WHERE value IN ({one})"
    if private:
        return f"{observed} UNION {told}", [*own, *own]
    kinds, people = _marks(PRIVATE_INDICATORS), sorted(PRIVATE_INDICATORS)
    told += f" AND alert_id NOT IN ({observed} AND kind IN ({kinds}))"
    return f"{observed} AND kind NOT IN ({kinds}) UNION {told}", [*own, *people, *own, *own, *people]


def _marks(values: Collection[str]) -> str:
    return ", ".join(["%s"] * len(values))


def freshness() -> tuple[datetime | None, bool]:
    """When the newest alert occurred, and whether there are alerts whose texts are not read yet."""
    behind = Exists(MentionBacklog.objects.all())
    return Alert.objects.order_by("-last_seen").values_list("last_seen", behind).first() or (None, False)


def catch_up(seconds: float = 40.0) -> int:
    """Read the texts of older alerts, the newest first, until all are read or the time is over; the next run goes on.
    Returns how many alerts. Two at once take turns: a piece counts only for whoever moves the mark."""
    deadline, count = time.monotonic() + seconds, 0
    while time.monotonic() < deadline and (backlog := MentionBacklog.objects.first()) is not None:
        with import_transaction():
            count += _read_piece(backlog)
    return count


def _read_piece(backlog: MentionBacklog) -> int:
    rows = list(
        Alert.objects.filter(pk__lte=backlog.below)
        .order_by("-pk")
        .values_list("pk", "title", "description")[:_PIECE]
    )
    mine = MentionBacklog.objects.filter(pk=backlog.pk, below=backlog.below)
    moved = mine.update(below=rows[-1][0] - 1) if rows else mine.delete()[0]
    if not moved or not rows:
        return 0
    known: dict[int, set[tuple[str, str]]] = {pk: set() for pk, _, _ in rows}
    for alert_id, kind, value in values_by(
        AlertIndicator, ["alert_id", "kind", "value"], alert_id=list(known)
    ):
        known[alert_id].add((kind, value))
    found = [each for pk, *texts in rows for each in mention_rows(pk, (texts[0], texts[1]), known[pk])]
    insert_many(AlertMention, found, skip_existing=True)
    return len(rows)
