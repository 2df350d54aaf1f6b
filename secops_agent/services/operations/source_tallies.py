"""Tallies of sources by the hour, of what the doors count anyway: nothing is counted while data come in.

API, receivers and commands leave receipts; syslog and streams have running totals, of which the difference is taken.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Count, F, Max, Sum
from django.utils import timezone

from bifang.core.models import SystemConfig
from secops_agent.models import (
    ApiToken,
    BrokerConsumer,
    BrokerLetter,
    DataSource,
    ImportJob,
    JobState,
    LetterState,
    SourceDoor,
    SourceHour,
    SyslogSource,
    SyslogTraffic,
)

HOUR: Final = timedelta(hours=1)
KEPT: Final = timedelta(days=35)
MOST_SOURCES: Final = 500  # whoever may import can invent names
_COUNTS: Final = ("created", "updated", "unchanged")
# Whose receipts are of a source: by whom the system itself fetched or read them.
_FETCHED: Final = ("pull:", "feed:")


@dataclass(slots=True)
class _Came:
    """Of one source: by hour what was taken and what was unreadable, and the last of it."""

    door: str
    name: str
    last: datetime
    hours: dict[datetime, list[int]] = field(default_factory=dict)


def tally(now: datetime | None = None) -> int:
    """Bring every source up to date; returns how many there are."""
    now = now or timezone.now()
    for key, came in _receipts(now).items():
        _set(key, came, now)
    for traffic in SyslogTraffic.objects.filter(source__enabled=True).select_related("source"):
        key, last = f"syslog:{traffic.source_id}", traffic.last_line_at
        _add(
            key,
            SourceDoor.SYSLOG,
            traffic.source.name,
            (traffic.lines - traffic.rejected, traffic.rejected),
            last,
            now,
        )
    for key, name, totals, last in _streams():
        _add(key, SourceDoor.STREAM, name, totals, last, now)
    SourceHour.objects.filter(hour__lt=now - KEPT).delete()
    return DataSource.objects.count()


def _receipts(now: datetime) -> Mapping[str, _Came]:
    """Of this hour and the one before, as absolute numbers."""
    start = _hour(now) - HOUR
    rows = ImportJob.objects.filter(created_at__gte=start, state__in=(JobState.DONE, JobState.FAILED))
    found: dict[str, _Came] = {}
    for row in rows.exclude(actor_kind="person").iterator(chunk_size=1000):
        if (named := _named(row)) is None:
            continue
        key, door, name = named
        came = found.setdefault(key, _Came(door, name, row.created_at))
        came.last = max(came.last, row.created_at)
        hour = came.hours.setdefault(_hour(row.created_at), [0, 0])
        taken, unreadable = _counted(row.outcome, row.error)
        hour[0], hour[1] = hour[0] + taken, hour[1] + unreadable
    return found


def _named(row: ImportJob) -> tuple[str, str, str] | None:
    """Key, door and name of the source of a receipt; None where it is of none."""
    if row.actor_kind == "token":
        return (
            f"token:{row.actor_ident}:{row.format}",
            SourceDoor.TOKEN,
            f"{row.actor_name}（{row.format}）"[:200],
        )
    if row.actor_via.startswith(_FETCHED):
        return f"pull:{row.actor_via}:{row.name}"[:160], SourceDoor.PULL, row.name[:200]
    if row.actor_via == "import_data":
        return f"file:{row.format}", SourceDoor.FILE, row.format
    return None


def _counted(outcome: Mapping[str, Any], error: str) -> tuple[int, int]:
    taken = sum(sum(outcome.get(name, {}).values()) for name in _COUNTS)
    unreadable = len(outcome.get("rejected") or ())
    return taken, unreadable or (1 if error and not taken else 0)


def _set(key: str, came: _Came, now: datetime) -> None:
    row = _source(key, came.door, came.name, min(came.hours, default=now))
    if row is None:
        return
    for hour, (taken, unreadable) in came.hours.items():
        SourceHour.objects.update_or_create(
            source=row, hour=hour, defaults={"taken": taken, "unreadable": unreadable}
        )
    _seen(row, came.name, came.last)


def _streams() -> Iterator[tuple[str, str, tuple[int, int], datetime | None]]:
    dead = dict(
        BrokerLetter.objects.filter(state=LetterState.DEAD)
        .order_by()
        .values_list("config")
        .annotate(n=Count("pk"))
    )
    rows = BrokerConsumer.objects.filter(config__enabled=True, config__archived_at=None).order_by()
    grouped = rows.values_list("config", "config__name").annotate(
        all=Sum("taken"), last=Max("last_message_at")
    )
    for pk, name, taken, last in grouped:
        broken = min(dead.get(pk, 0), taken or 0)
        yield f"stream:{pk}", name, ((taken or 0) - broken, broken), last


def _add(
    key: str, door: str, name: str, totals: tuple[int, int], last: datetime | None, now: datetime
) -> None:
    """What its running totals grew by; whoever reads them first has it. A total that shrank began anew."""
    row = _source(key, door, name, now, totals)
    if row is None:
        return
    before = (row.lines, row.broken)
    more = [new - old if new >= old else new for new, old in zip(totals, before, strict=True)]
    with transaction.atomic():
        mine = DataSource.objects.filter(pk=row.pk, lines=before[0], broken=before[1])
        if any(more) and mine.update(lines=totals[0], broken=totals[1]):
            hour, _ = SourceHour.objects.get_or_create(source=row, hour=_hour(now))
            rows = SourceHour.objects.filter(pk=hour.pk)
            rows.update(taken=F("taken") + more[0], unreadable=F("unreadable") + more[1])
        _seen(row, name, last)


def _source(
    key: str, door: str, name: str, now: datetime, totals: tuple[int, int] = (0, 0)
) -> DataSource | None:
    """Its row, made the first time it is seen; None for one too many."""
    row = DataSource.objects.filter(key=key).first()
    if row is None and DataSource.objects.count() < MOST_SOURCES:
        begun = {"door": door, "name": name, "first_seen": now, "lines": totals[0], "broken": totals[1]}
        row, _ = DataSource.objects.get_or_create(key=key, defaults=begun)
    return row


def _seen(row: DataSource, name: str, last: datetime | None) -> None:
    if last is not None and (row.last_seen is None or last > row.last_seen or row.name != name):
        DataSource.objects.filter(pk=row.pk).update(last_seen=last, name=name)


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def gone() -> set[str]:
    """Beginnings of the keys whose door was closed on purpose: nobody waits for these."""
    tokens = ApiToken.objects.exclude(revoked_at=None).values_list("pk", flat=True)
    syslog = SyslogSource.objects.filter(enabled=True).values_list("pk", flat=True)
    streams = SystemConfig.objects.current().filter(enabled=True).values_list("pk", flat=True)
    open_now = {f"syslog:{pk}" for pk in syslog} | {f"stream:{pk}" for pk in streams}
    rows = DataSource.objects.filter(door__in=(SourceDoor.SYSLOG, SourceDoor.STREAM))
    closed = {key for key in rows.values_list("key", flat=True) if key not in open_now}
    return closed | {f"token:{pk}:" for pk in tokens}
