"""Receiving: stored once and for good before anyone is told that it arrived."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from django.db import transaction
from django.utils import timezone

from bifang.channels import lone, postgres, statements
from bifang.channels.leases import LEASE, database_now, new_lease
from bifang.channels.models import InboxRow, State
from bifang.channels.ports import Incoming, Reading, ReplyTarget, Rows, Turn
from bifang.core.batcher import Batcher
from bifang.core.crypto import Keyring
from bifang.core.db import on_postgresql
from bifang.core.durability import flush
from bifang.core.express.errand import Errand
from bifang.core.keys import keyring
from bifang.core.rows import insert_many
from bifang.core.sealed import Sealed, place_of

BURST = 10  # messages being stored and acknowledged at once


def order_key(*parts: object) -> str:
    """Rows with the same key are worked on one after the other."""
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def from_ms(milliseconds: int) -> datetime | None:
    """Epoch ms → aware time; None for 0 and for what no calendar holds."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None
    except (OverflowError, ValueError, OSError):
        return None


def pack_target(target: ReplyTarget | None, place: str, ring: Keyring | None = None) -> dict[str, Any]:
    """Columns ``target``, ``webhook`` (sealed for its ``place``), ``webhook_expires_at`` of a row.

    ``ring``: the one in force.
    """
    if target is None:
        return {"target": None, "webhook": None, "webhook_expires_at": None}
    return {
        "target": {
            "conversation_id": target.conversation_id,
            "is_group": target.is_group,
            "staff_id": target.staff_id,
            "robot_code": target.robot_code,
        },
        "webhook": Sealed((ring or keyring()).seal(target.webhook, place)) if target.webhook else None,
        "webhook_expires_at": from_ms(target.webhook_expires_ms) if target.webhook else None,
    }


def unpack_target(
    plain: Mapping[str, Any] | None, webhook: Sealed | None, expires: datetime | None, place: str
) -> ReplyTarget | None:
    """The reverse of `pack_target`. Raises SecretError."""
    if not plain:
        return None
    return ReplyTarget(
        **plain,
        webhook=str(webhook.open(place)) if webhook else "",
        webhook_expires_ms=int(expires.timestamp() * 1000) if expires else 0,
    )


class Taker(Protocol):
    """Who answers in this process: what can be answered at once is leased to it as it is stored."""

    owner_name: str

    def room(self) -> int:
        """How many more turns it would take now."""
        ...

    def foresee(self, item: Incoming) -> Reading | None:
        """What its turn will read first. Read with storing it, a message that comes alone goes one way less."""
        ...

    def take(self, turns: Sequence[Turn]) -> None:
        """Answer these, which are stored and leased. From any thread."""
        ...


_taker: Taker | None = None


def hand_over_to(taker: Taker | None) -> None:
    """Spare new rows the way through the queue, if nothing is ahead of them; None: everything queues."""
    global _taker
    _taker = taker


def _row(item: Incoming, now: datetime, ring: Keyring) -> dict[str, Any]:
    urgent_part = item.external_id if item.urgent or item.kind != "chat" else ""
    identity = {"config_id": item.config_id, "kind": item.kind, "external_id": item.external_id}
    return {
        **identity,
        "order_key": order_key(item.config_id, item.conversation_id, item.sender_id, urgent_part),
        "conversation_id": item.conversation_id,
        "sender_id": item.sender_id,
        "is_group": bool(item.target and item.target.is_group),
        "urgent": item.urgent,
        "text": item.text,
        "payload": item.payload,
        "state": State.DEAD if item.unreadable else State.PENDING,
        "last_error": item.reason,
        "last_error_at": now if item.reason else None,
        "unreadable": _seal_raw(item.unreadable, place_of(InboxRow, "unreadable", identity)),
        "received_at": now,
        **pack_target(item.target, place_of(InboxRow, "webhook", identity), ring),
    }


def _seal_raw(raw: bytes | None, place: str) -> Sealed | None:
    return Sealed.of(base64.b64encode(raw).decode(), place) if raw else None


@dataclass(frozen=True, slots=True)
class Entry:
    """An item and the row that it becomes; ``text`` is the row as PostgreSQL is given it."""

    item: Incoming
    row: dict[str, Any]
    text: str


def enter(items: Sequence[Incoming]) -> list[Entry]:
    """What can be done for these before the database is free."""
    now, ring, write = timezone.now(), keyring(), postgres.write_row if on_postgresql() else None
    rows = [_row(item, now, ring) for item in items]
    return [Entry(item, row, write(row) if write else "") for item, row in zip(items, rows, strict=True)]


def store(items: Sequence[Incoming]) -> list[bool]:
    """`enter` and `store_entries`; for callers outside of any event loop."""
    return store_entries(enter(items))


def store_entries(entries: Sequence[Entry]) -> list[bool]:
    """Insert what is new, in one transaction; what was there stays as it is. Safe after a `flush` only.

    True for an item that needs no looking for: handed over, or nothing new. What is handed over is answered
    while the disk writes: if the power fails in between, the message was not acknowledged, and is answered again
    when it comes again.
    """
    taker, rows = _taker, [entry.row for entry in entries]
    wanted, owner = _wanted(rows, taker), taker.owner_name if taker else ""
    if on_postgresql():
        texts = [entry.text for entry in entries]
        found = postgres.store(rows[0], texts, _keys(rows, wanted), wanted, owner)
    else:
        found = _store_by_steps(rows, wanted, owner)
    return _hand_over(entries, found, None, taker)


def store_alone(item: Incoming) -> Errand[bool]:
    """The same for one item, as an errand."""
    taker, entry = _taker, Entry(item, _row(item, timezone.now(), keyring()), "")
    wanted, owner = _wanted([entry.row], taker), taker.owner_name if taker else ""
    reading = taker.foresee(item) if taker and wanted[0] else None
    errand = lone.storing(entry.row, wanted[0], owner, reading)
    return errand.then(lambda stored: _hand_over([entry], *stored, taker)[0])


def _hand_over(
    entries: Sequence[Entry], found: Sequence[postgres.Stored], read: Rows | None, taker: Taker | None
) -> list[bool]:
    inserted = {tuple(identity): (pk, lease) for pk, *identity, lease in found}
    turns: list[Turn] = []
    done: list[bool] = []
    for item, row in ((entry.item, entry.row) for entry in entries):
        pk, lease = inserted.pop((item.config_id, item.kind, item.external_id), (0, ""))
        if lease:
            turns.append(_fresh_turn(item, pk, lease, row["received_at"], read))
        done.append(not pk or bool(lease) or row["state"] != State.PENDING)
    if taker is not None and turns:
        taker.take(turns)
    return done


def _wanted(rows: Sequence[dict[str, Any]], taker: Taker | None) -> list[bool]:
    """Which rows to answer at once, as far as there is room, unless something older is ahead of them."""
    room = taker.room() if taker else 0
    ahead: set[str] = set()
    wanted = []
    for row in rows:
        first = row["order_key"] not in ahead
        ahead.add(row["order_key"])
        wanted.append(first and row["state"] == State.PENDING and room > 0)
        room -= wanted[-1]
    return wanted


def _keys(rows: Sequence[dict[str, Any]], wanted: Sequence[bool]) -> list[str]:
    return [row["order_key"] for row, one in zip(rows, wanted, strict=True) if one]


def _store_by_steps(
    rows: Sequence[dict[str, Any]], wanted: Sequence[bool], owner: str
) -> list[postgres.Stored]:
    with transaction.atomic():
        clock = database_now()
        lease = new_lease(clock)
        asked = _keys(rows, wanted)
        ahead = statements.keys_with_open_rows(asked) if asked else set()
        for row, one in zip(rows, wanted, strict=True):
            if one and row["order_key"] not in ahead:
                row |= {
                    "state": State.LEASED,
                    "owner": owner,
                    "lease": lease,
                    "leased_until": clock + LEASE,
                    "attempts": 1,
                }
        names = ("id", "config_id", "kind", "external_id", "lease")
        return insert_many(InboxRow, rows, skip_existing=True, returning=names)


def _fresh_turn(item: Incoming, pk: int, lease: str, now: datetime, read: Rows | None) -> Turn:
    return Turn(
        inbox_id=pk,
        lease=lease,
        attempt=1,
        config_id=item.config_id,
        kind=item.kind,
        external_id=item.external_id,
        conversation_id=item.conversation_id,
        sender_id=item.sender_id,
        text=item.text,
        payload=item.payload,
        target=item.target,
        received_at_ms=int(now.timestamp() * 1000),
        urgent=item.urgent,
        read=read,
    )


# Ordered: side by side, two quick messages of one person would swap, or both be leased.
_batcher: Batcher[Incoming, bool] = Batcher(
    store_entries, limit=200, ordered=True, prepare=enter, afterwards=flush, alone=store_alone
)


async def receive(item: Incoming) -> bool:
    """Store an item; returns when it is on the disk (then, and only then, acknowledge). From any event loop.

    False: it waits in the queue, and the dispatcher should be told to look.
    """
    return await _batcher.call(item)


def in_a_burst() -> bool:
    """Do many senders wait for their acks? What can wait a moment longer does then."""
    return arriving() >= BURST


def arriving() -> int:
    """How many items are being stored or acknowledged now: their senders wait for that."""
    return _batcher.pending
