"""Seals of the audit chain: how digests and seals are made, and whether a segment's seals are its own.

A digest proves nothing by itself: who knows the code computes another. A seal is made with the encryption key, which
is not in the database, and says everything that a segment's row says: number, day, count, digest, closed, and,
in a seal of its own, when retention dropped its records.
"""

import enum
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date
from typing import Any, Final

from bifang.core.errors import SecretError
from bifang.core.secrets.sealed import Sealed, place_of
from secops_agent.models import AuditSegment
from secops_agent.services.audit.trail import plain

GENESIS: Final = "0" * 64
_JSON: Final = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


class SealStanding(enum.Enum):
    """What a seal says of its row. UNREADABLE: no key of ours opens it."""

    GOOD = enum.auto()
    UNREADABLE = enum.auto()
    FORGED = enum.auto()


def first_digest(previous: str, number: int, day: date) -> str:
    """The chain's value at the start of a segment."""
    return hashlib.sha256(f"bifang-audit\n{previous}\n{number}\n{day.isoformat()}".encode()).hexdigest()


def next_digest(digest: str, position: int, values: Mapping[str, Any]) -> str:
    """The chain's value after one more record, given its `FIELDS`."""
    text = _JSON.encode(plain(values))
    return hashlib.sha256(f"{digest}\n{position}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()


def seal_of(segment: AuditSegment) -> Sealed:
    """The seal of the row as it is now."""
    return Sealed.of(_told(segment), place_of(AuditSegment, "seal", segment))


def drop_seal_of(segment: AuditSegment) -> Sealed:
    """The seal of the drop: nothing counts as dropped by retention without it."""
    return Sealed.of(_drop_told(segment), place_of(AuditSegment, "drop_seal", segment))


def standing(segment: AuditSegment) -> SealStanding:
    """Is the row as it was sealed?"""
    wanted = {_told(segment)}
    if (
        segment.dropped_at is None
    ):  # the first form is as good while the records are there: the day is in their digest
        wanted.add(f"{segment.number}:{segment.count}:{segment.digest}")
    return _standing(segment, "seal", wanted)


def drop_standing(segment: AuditSegment) -> SealStanding:
    """Did retention drop its records, then and of that day?"""
    return _standing(segment, "drop_seal", {_drop_told(segment)})


def drop_is_proven(segment: AuditSegment) -> bool:
    """Are the row and its drop both as they were sealed? Without that, its count and its drop are anybody's words."""
    return standing(segment) is SealStanding.GOOD and drop_standing(segment) is SealStanding.GOOD


def drop_is_unreadable(segment: AuditSegment) -> bool:
    """Does no seal say that retention dropped it, and may that be for want of a key?"""
    drop = drop_standing(segment)
    return drop is not SealStanding.GOOD and SealStanding.UNREADABLE in (drop, standing(segment))


def opens(segment: AuditSegment) -> bool:
    """Does a key of ours open a seal of the row, whatever it says?"""
    return any(_content(segment, column) is not None for column in ("seal", "drop_seal"))


def _told(segment: AuditSegment) -> str:
    state = "closed" if segment.closed else "open"
    return f"{segment.number}:{segment.day.isoformat()}:{segment.count}:{segment.digest}:{state}"


def _drop_told(segment: AuditSegment) -> str:
    at = segment.dropped_at.astimezone(UTC).isoformat(timespec="microseconds") if segment.dropped_at else ""
    return f"dropped:{segment.number}:{segment.day.isoformat()}:{at}"


def _standing(segment: AuditSegment, column: str, wanted: set[str]) -> SealStanding:
    if getattr(segment, column) is None:
        return SealStanding.FORGED
    told = _content(segment, column)
    if told is None:
        return SealStanding.UNREADABLE
    return SealStanding.GOOD if told in wanted else SealStanding.FORGED


def _content(segment: AuditSegment, column: str) -> str | None:
    """What the seal says; None: there is none, or no key of ours opens it."""
    sealed: Sealed | None = getattr(segment, column)
    try:
        return str(sealed.open(place_of(AuditSegment, column, segment))) if sealed else None
    except SecretError:
        return None
