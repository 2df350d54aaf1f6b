"""Receiving: stored once and for good before anyone is told that it arrived."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from django.db import transaction
from django.utils import timezone

from bifang.channels.models import InboxRow, State
from bifang.channels.ports import Incoming, ReplyTarget
from bifang.core.crypto import Keyring
from bifang.core.db import Batcher, insert_many
from bifang.core.keys import keyring
from bifang.core.sealed import Sealed

CHUNK = 200  # rows a statement


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


# The same webhook is sealed and opened on its way in, at the turn and on its way out.
@lru_cache(maxsize=2048)
def _seal(ring: Keyring, webhook: str) -> str:
    return ring.seal(webhook)


@lru_cache(maxsize=2048)
def _open(ring: Keyring, token: str) -> str:
    return str(ring.open(token))


def pack_target(target: ReplyTarget | None) -> dict[str, Any]:
    """Columns ``target``, ``webhook`` (sealed), ``webhook_expires_at`` of a row."""
    if target is None:
        return {"target": None, "webhook": None, "webhook_expires_at": None}
    return {
        "target": {
            "conversation_id": target.conversation_id,
            "is_group": target.is_group,
            "staff_id": target.staff_id,
            "robot_code": target.robot_code,
        },
        "webhook": Sealed(_seal(keyring(), target.webhook)) if target.webhook else None,
        "webhook_expires_at": from_ms(target.webhook_expires_ms) if target.webhook else None,
    }


def unpack_target(
    plain: Mapping[str, Any] | None, webhook: Sealed | None, expires: datetime | None
) -> ReplyTarget | None:
    """The reverse of `pack_target`. Raises SecretError."""
    if not plain:
        return None
    return ReplyTarget(
        **plain,
        webhook=_open(keyring(), webhook.token) if webhook else "",
        webhook_expires_ms=int(expires.timestamp() * 1000) if expires else 0,
    )


def _row(item: Incoming, now: datetime) -> InboxRow:
    urgent_part = item.external_id if item.urgent or item.kind != "chat" else ""
    return InboxRow(
        config_id=item.config_id,
        kind=item.kind,
        external_id=item.external_id,
        order_key=order_key(item.config_id, item.conversation_id, item.sender_id, urgent_part),
        conversation_id=item.conversation_id,
        sender_id=item.sender_id,
        is_group=bool(item.target and item.target.is_group),
        urgent=item.urgent,
        text=item.text,
        payload=dict(item.payload),
        state=State.DEAD if item.unreadable else State.PENDING,
        last_error=item.reason,
        last_error_at=now if item.reason else None,
        unreadable=Sealed.of(base64.b64encode(item.unreadable).decode()) if item.unreadable else None,
        received_at=now,
        **pack_target(item.target),
    )


def store(items: Sequence[Incoming]) -> list[None]:
    """Insert what is new, in one transaction; what was there stays as it is."""
    now = timezone.now()
    rows = [_row(item, now) for item in items]
    with transaction.atomic():
        for start in range(0, len(rows), CHUNK):
            insert_many(rows[start : start + CHUNK], skip_existing=True)
    return [None] * len(rows)


# What one person writes is stored, and so answered, in the order in which it came.
_batcher: Batcher[Incoming, None] = Batcher(store, ordered=True)


async def receive(item: Incoming) -> None:
    """Store an item; returns after the commit (then, and only then, acknowledge). From any event loop."""
    await _batcher.call(item)


def arriving() -> int:
    """How many items are being stored now. Their senders wait for an acknowledgement."""
    return _batcher.pending
