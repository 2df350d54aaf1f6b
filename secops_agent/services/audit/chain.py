"""One sealer chains audit records into daily segments, so that a change afterwards shows.

A segment's digest is SHA-256 over the one before it and, record by record, everything that was written down.
Records get their position when they are sealed: one that commits late simply comes later in the chain.
"""

import hashlib
import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone

from bifang.core.db import on_postgresql, run
from bifang.core.errors import BifangError
from bifang.core.retention import drop_pieces
from bifang.core.sealed import Sealed, place_of
from secops_agent.models import AuditRecord, AuditSegment
from secops_agent.models.audit import AuditKind
from secops_agent.services.actors import Actor
from secops_agent.services.audit.trail import FIELDS, append, entry, plain

log = logging.getLogger(__name__)
BATCH: Final = 300  # records a transaction: well below 50 ms
GENESIS: Final = "0" * 64
UNSEALED_FOR: Final = timedelta(minutes=10)
_JSON: Final = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))
_PLACING: Final = {
    vendor: f"UPDATE {AuditRecord._meta.db_table} AS r SET segment_id = %s, position = %s + v.place FROM {rows} WHERE r.id = v.id"  # noqa: S608 - names of our own
    for vendor, rows in (
        ("sqlite", "(SELECT value AS id, key + 1 AS place FROM json_each(%s)) AS v"),
        ("postgresql", "unnest(%s::bigint[]) WITH ORDINALITY AS v(id, place)"),
    )
}
_LOCK: Final = 0x42494644  # "BIFD": the advisory lock of the sealer on PostgreSQL


def first_digest(previous: str, number: int, day: date) -> str:
    """The chain's value at the start of a segment."""
    return hashlib.sha256(f"bifang-audit\n{previous}\n{number}\n{day.isoformat()}".encode()).hexdigest()


def next_digest(digest: str, position: int, values: Mapping[str, Any]) -> str:
    """The chain's value after one more record, given its `FIELDS`."""
    text = _JSON.encode(plain(values))
    return hashlib.sha256(f"{digest}\n{position}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()


def seal(now: datetime | None = None) -> int:
    """Chain the next batch of records; returns how many. 0 also when another sealer is at it."""
    now = now or timezone.now()
    if not AuditRecord.objects.filter(segment=None).exists():
        return 0
    with transaction.atomic():
        if not _alone():
            return 0
        rows = list(AuditRecord.objects.filter(segment=None).order_by("id").values(*FIELDS)[:BATCH])
        if rows:
            _chain(_segment_of(timezone.localdate(now), now), rows, now)
        return len(rows)


def _alone() -> bool:
    """On SQLite a transaction is alone anyway (IMMEDIATE)."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])


def _segment_of(day: date, now: datetime) -> AuditSegment:
    """The open segment; a new day closes the one before. A clock that went back changes nothing."""
    last = AuditSegment.objects.order_by("-number").first()
    if last is not None and not last.closed and last.day >= day:
        return last
    if last is not None and not last.closed:
        AuditSegment.objects.filter(pk=last.pk).update(closed=True)
        log.info("审计段 %d（%s）已封存，共 %d 条，摘要 %s", last.number, last.day, last.count, last.digest)
    number, previous = (last.number + 1, last.digest) if last else (1, GENESIS)
    day = max(day, last.day) if last else day
    return AuditSegment.objects.create(
        number=number, day=day, previous=previous, digest=first_digest(previous, number, day),
        opened_at=now, sealed_at=now,
    )  # fmt: skip


def _chain(segment: AuditSegment, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
    digest = segment.digest
    for position, row in enumerate(rows, segment.count + 1):
        digest = next_digest(digest, position, row)
    _place(segment, [row["id"] for row in rows])
    count = segment.count + len(rows)
    AuditSegment.objects.filter(pk=segment.pk).update(
        digest=digest, seal=Sealed.of(f"{segment.number}:{count}:{digest}", _place_of(segment)), count=count, sealed_at=now,
        first_id=segment.first_id or rows[0]["id"], last_id=rows[-1]["id"],
    )  # fmt: skip


def _place_of(segment: AuditSegment) -> str:
    return place_of(AuditSegment, "seal", segment)


def _place(segment: AuditSegment, ids: Sequence[int]) -> None:
    """Give these records their places behind what the segment has, in one statement."""
    given = list(ids) if on_postgresql() else json.dumps(ids)
    run(_PLACING[connection.vendor], [segment.pk, segment.count, given])


def drop_before(before: datetime, end: float = float("inf")) -> int:
    """Retention: remove the records of whole closed segments of the days before; their digests stay. Returns how many.

    The mark comes first: a removal that is interrupted, or at its ``end``, goes on at the next call.
    """
    dropped = 0
    day = timezone.localdate(before)
    for segment in AuditSegment.objects.filter(closed=True, day__lt=day).order_by("number"):
        if time.monotonic() >= end:
            break
        rows = AuditRecord.objects.filter(segment=segment).order_by("position")
        with transaction.atomic():
            fresh = AuditSegment.objects.filter(pk=segment.pk, dropped_at=None).update(
                dropped_at=timezone.now()
            )
            if fresh:
                append(
                    [
                        entry(
                            AuditKind.CHANGE,
                            f"按保留期清除审计段 {segment.number}",
                            Actor.system("retention"),
                        )
                    ]
                )
        dropped += drop_pieces(rows, end)
    return dropped


@dataclass(frozen=True, slots=True)
class ChainFault:
    """Something is not as it was sealed; ``segment`` 0: outside of any."""

    segment: int
    text: str


UNKNOWN_HEAD: Final = ChainFault(0, "链上没有给出的摘要：末尾的记录被截去，或整条链被重写。")


@dataclass(frozen=True, slots=True)
class Report:
    """What `verify` found. ``head`` is the chain's last value: written down elsewhere, it proves the end too."""

    segments: int
    records: int
    dropped: int
    unsealed: int
    head: str
    faults: tuple[ChainFault, ...]


@dataclass(frozen=True, slots=True)
class SegmentCheck:
    """A segment that was computed again. ``number``: its place in the chain. ``heads``: every value that it passed."""

    number: int
    segment: AuditSegment
    faults: tuple[ChainFault, ...]
    heads: frozenset[str]


def verify(expected_head: str = "", keep_days: int = 0, now: datetime | None = None) -> Report:
    """Compute the whole chain again. Finds any change, removal, insertion and exchange of sealed records.

    ``keep_days``: what was dropped before that age was not dropped by retention.
    """
    now = now or timezone.now()
    checks = list(verify_segments(keep_days=keep_days, now=now))
    faults = [fault for check in checks for fault in check.faults]
    if expected_head and not any(expected_head in check.heads for check in checks):
        faults.append(UNKNOWN_HEAD)
    return conclude(faults, now)


def verify_segments(
    after: int = 0, keep_days: int = 0, now: datetime | None = None
) -> Iterator[SegmentCheck]:
    """Compute the segments behind the first ``after`` ones again, one at a time, each against the one before it."""
    now = now or timezone.now()
    previous = GENESIS
    for number, segment in enumerate(AuditSegment.objects.order_by("number"), 1):
        if number > after:
            heads = set[str]()
            faults = [ChainFault(number, text) for text in _segment_faults(segment, number, previous, heads)]
            kept = segment.dropped_at is None or segment.day <= timezone.localdate(now) - timedelta(
                days=keep_days
            )
            faults += [] if kept else [ChainFault(number, "还在保留期内就被清除了。")]
            yield SegmentCheck(number, segment, tuple(faults), frozenset(heads))
        previous = segment.digest


def conclude(faults: Sequence[ChainFault], now: datetime | None = None) -> Report:
    """The report on a chain whose segments have these faults, with what is wrong outside of them."""
    late = AuditRecord.objects.filter(segment=None, at__lt=(now or timezone.now()) - UNSEALED_FOR).count()
    behind = f"{late} 条记录早该封存却没有：封存任务没有运行，或记录是事后补写的。"
    rows = list(AuditSegment.objects.order_by("number").values_list("count", "dropped_at", "digest"))
    return Report(
        segments=len(rows),
        records=sum(count for count, dropped, _ in rows if dropped is None),
        dropped=sum(dropped is not None for _, dropped, _ in rows),
        unsealed=AuditRecord.objects.filter(segment=None).count(),
        head=rows[-1][2] if rows else GENESIS,
        faults=(*faults, *((ChainFault(0, behind),) if late else ())),
    )


def _segment_faults(segment: AuditSegment, number: int, previous: str, heads: set[str]) -> list[str]:
    found = []
    if segment.number != number:
        found.append(f"缺少第 {number} 段（接着的是第 {segment.number} 段）。")
    if segment.previous != previous:
        found.append("与上一段的摘要对不上：上一段被改过或被移除。")
    found += _seal_faults(segment)
    rows = AuditRecord.objects.filter(segment=segment)
    if segment.dropped_at is not None:
        heads.add(segment.digest)
        return found + (["已按保留期清除的段里又有了记录。"] if rows.exists() else [])
    return found + _row_faults(segment, heads)


def _seal_faults(segment: AuditSegment) -> list[str]:
    try:
        sealed = segment.seal.open(_place_of(segment)) if segment.seal else ""
    except BifangError as error:
        return [f"封条无法读取：{error.message}"]
    wanted = f"{segment.number}:{segment.count}:{segment.digest}"
    return [] if sealed == wanted else ["封条与摘要不符：段的条数或摘要被改过。"]


def _row_faults(segment: AuditSegment, heads: set[str]) -> list[str]:
    digest, count = first_digest(segment.previous, segment.number, segment.day), 0
    rows = AuditRecord.objects.filter(segment=segment).order_by("position").values(*FIELDS, "position")
    for row in rows.iterator(chunk_size=500):
        count += 1
        position = row.pop("position")
        if position != count:
            return [f"第 {count} 条缺失或多余（这里是第 {position} 条，记录 {row['id']}）。"]
        digest = next_digest(digest, position, row)
        heads.add(digest)
    if count != segment.count:
        return [f"应有 {segment.count} 条记录，实际 {count} 条：有记录被删除或插入。"]
    return [] if digest == segment.digest else ["记录的内容与封存时不一致：有记录被修改或调换。"]
