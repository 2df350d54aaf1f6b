"""Where an answer goes, as columns of a row; and what keeps rows in order."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bifang.channels.ports import ReplyTarget
from bifang.core.secrets.sealed import Sealed


def order_key(*parts: object) -> str:
    """Rows with the same key are worked on one after the other."""
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def target_key(config_id: int, target: ReplyTarget) -> str:
    """Replies to one place go out one after the other; a custom robot is one place, whoever speaks through it."""
    if target.robot:
        return order_key("robot", target.conversation_id)
    return order_key(config_id, target.conversation_id, "" if target.is_group else target.staff_id)


def from_ms(milliseconds: int) -> datetime | None:
    """Epoch ms → aware time; None for 0 and for what no calendar holds."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None
    except (OverflowError, ValueError, OSError):
        return None


def read_ms(text: str) -> int:
    """Epoch ms as a platform writes it; 0 for what is no number."""
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        return 0


def to_ms(moment: datetime) -> int:
    """The reverse."""
    return int(moment.timestamp() * 1000)


def pack_target(target: ReplyTarget | None, place: str) -> dict[str, Any]:
    """Columns ``target``, ``webhook`` (sealed for its ``place``), ``webhook_expires_at`` of a row."""
    if target is None:
        return {"target": None, "webhook": None, "webhook_expires_at": None}
    return {
        "target": {
            "conversation_id": target.conversation_id,
            "is_group": target.is_group,
            "staff_id": target.staff_id,
            "robot_code": target.robot_code,
            **({"robot": target.robot} if target.robot else {}),
            **({"message_id": target.message_id} if target.message_id else {}),
        },
        "webhook": Sealed.of(target.webhook, place) if target.webhook else None,
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
        webhook_expires_ms=to_ms(expires) if expires else 0,
    )
