"""Audit chain: one sealer chains records into daily segments, so that a later change shows; retention drops whole segments.

A segment's digest is SHA-256 over the one before it and, record by record, everything that was written down.
Records get their position when they are sealed: one that commits late simply comes later in the chain.
"""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone

from bifang.core.database.db import on_postgresql, run
from bifang.core.database.retention import drop_pieces
from bifang.core.monitoring.journal import Journal
from secops_agent.models import AuditRecord, AuditSegment
from secops_agent.models.people.audit import AuditKind
from secops_agent.services.actors import Actor
from secops_agent.services.audit import seals, verification
from secops_agent.services.audit.seals import GENESIS, SealStanding, first_digest, next_digest
from secops_agent.services.audit.trail import FIELDS, append, entry

log = logging.getLogger(__name__)
journal = Journal(log, "审计链：")
BATCH: Final = 300  # records a transaction: well below 50 ms
_PLACING: Final = {
    vendor: f"UPDATE {AuditRecord._meta.db_table} AS r SET segment_id = %s, position = %s + v.place FROM {rows} WHERE r.id = v.id"  # noqa: S608 - names of our own
    for vendor, rows in (
        ("sqlite", "(SELECT value AS id, key + 1 AS place FROM json_each(%s)) AS v"),
        ("postgresql", "unnest(%s::bigint[]) WITH ORDINALITY AS v(id, place)"),
    )
}
_LOCK: Final = 0x42494644  # "BIFD": the advisory lock of the sealer on PostgreSQL


def seal(now: datetime | None = None) -> int:
    """Chain the next batch of records; returns how many. 0 also when another sealer is at it."""
    now = now or timezone.now()
    if not AuditRecord.objects.filter(segment=None).exists():
        return 0
    with transaction.atomic():
        if not _alone():
            return 0
        rows = list(AuditRecord.objects.filter(segment=None).order_by("id").values(*FIELDS)[:BATCH])
        segment = _segment_of(timezone.localdate(now), now) if rows else None
        if segment is None:
            return 0
        _chain(segment, rows, now)
        return len(rows)


def _alone() -> bool:
    """On SQLite a transaction is alone anyway (IMMEDIATE)."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])


def _segment_of(day: date, now: datetime) -> AuditSegment | None:
    """The open segment; a new day closes the one before. A clock that went back changes nothing.

    What is not as it was sealed is never sealed anew: it stays as it is, and a new segment follows. None: wait, because
    no key of ours opens the seal. The next day goes on without it, so that a key that is lost ends no audit.
    """
    last = AuditSegment.objects.order_by("-number").first()
    if last is None:
        return _opened(1, day, GENESIS, now)
    found = seals.standing(last)
    if found is SealStanding.UNREADABLE and last.day >= day:
        journal.write(
            "key", f"第 {last.number} 段的封条用现有的加密密钥打不开，今天先不封存：请恢复原来的密钥。"
        )
        return None
    if found is SealStanding.FORGED:
        log.error("审计段 %d 与封条不符：它被改过。已另起一段，请执行 manage.py verify_audit", last.number)
    if found is SealStanding.GOOD and not last.closed:
        if last.day >= day:
            return last
        _close(last)
    return _opened(last.number + 1, max(day, last.day), last.digest, now)


def _opened(number: int, day: date, previous: str, now: datetime) -> AuditSegment:
    return AuditSegment.objects.create(
        number=number, day=day, previous=previous, digest=first_digest(previous, number, day),
        opened_at=now, sealed_at=now,
    )  # fmt: skip


def _close(segment: AuditSegment) -> None:
    segment.closed = True
    segment.seal = seals.seal_of(segment)
    segment.save(update_fields=["closed", "seal"])
    log.info(
        "审计段 %d（%s）已封存，共 %d 条，摘要 %s", segment.number, segment.day, segment.count, segment.digest
    )


def _chain(segment: AuditSegment, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
    for position, row in enumerate(rows, segment.count + 1):
        segment.digest = next_digest(segment.digest, position, row)
    _place(segment, [row["id"] for row in rows])
    segment.count += len(rows)
    AuditSegment.objects.filter(pk=segment.pk).update(
        digest=segment.digest, count=segment.count, seal=seals.seal_of(segment), sealed_at=now,
        first_id=segment.first_id or rows[0]["id"], last_id=rows[-1]["id"],
    )  # fmt: skip


def _place(segment: AuditSegment, ids: Sequence[int]) -> None:
    """Give these records their places behind what the segment has, in one statement."""
    given = list(ids) if on_postgresql() else json.dumps(ids)
    run(_PLACING[connection.vendor], [segment.pk, segment.count, given])


def drop_before(before: datetime, end: float = float("inf")) -> int:
    """Retention: remove the records of whole closed segments of the days before; their digests stay. Returns how many.

    The sealed mark comes first: a removal that is interrupted, or at its ``end``, goes on at the next call. What is not
    as it was sealed is not removed: it is the evidence.
    """
    dropped = 0
    day = timezone.localdate(before)
    for segment in AuditSegment.objects.filter(closed=True, day__lt=day).order_by("number"):
        if time.monotonic() >= end:
            break
        if _marked(segment):
            dropped += drop_pieces(AuditRecord.objects.filter(segment=segment).order_by("position"), end)
    return dropped


def _marked(segment: AuditSegment) -> bool:
    """May its records go? Marks it as dropped, unless it is, and tells of it in the trail."""
    if segment.dropped_at is not None:
        return seals.drop_standing(segment) is not SealStanding.FORGED
    if any(not fault.unreadable for fault in verification.own_faults(segment)):
        journal.write(f"touched:{segment.number}", f"第 {segment.number} 段与封存时不一致，到期也不清除。")
        return False
    segment.dropped_at = timezone.now()
    with transaction.atomic():
        marks = {"dropped_at": segment.dropped_at, "drop_seal": seals.drop_seal_of(segment)}
        if (
            seals.standing(segment) is SealStanding.FORGED
        ):  # it has the first form, which says nothing of the day
            marks["seal"] = seals.seal_of(segment)
        if AuditSegment.objects.filter(pk=segment.pk, dropped_at=None).update(**marks):
            append(
                [
                    entry(
                        AuditKind.CHANGE, f"{verification.DROPPED}{segment.number}", Actor.system("retention")
                    )
                ]
            )
    return True
