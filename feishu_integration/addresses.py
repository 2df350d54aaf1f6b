"""Where a message goes in Feishu, and how fast: 5 messages a second to one person or one group."""

from collections.abc import Hashable
from hashlib import blake2b
from typing import Final

from bifang.channels.limits import Limiter
from bifang.channels.ports import ReplyTarget
from bifang.core.errors import RemoteError
from feishu_integration.openapi.messages import Address

LIMIT, PERIOD = 5, 1.0
SLACK: Final = 0.2  # seconds a call may take to arrive later than it was let through


def place_limiter(*, on: bool) -> Limiter:
    """A window for each place; everything said there passes it."""
    return Limiter(LIMIT, PERIOD + SLACK, on=on)


def place_key(config_id: int, target: ReplyTarget) -> Hashable:
    """What the limit of a place goes by."""
    alone = target.staff_id and not target.is_group
    return config_id, target.staff_id if alone else target.conversation_id


def address_of(target: ReplyTarget) -> Address:
    """An answer goes to the message that asked; what nobody asked for to the chat or the person. RemoteError."""
    if target.message_id:
        return Address("reply", target.message_id)
    if target.is_group:
        return Address("chat_id", target.conversation_id)
    if not target.staff_id:
        raise RemoteError("没有可用的回复地址：没有会话，也没有人员的 open_id。", permanent=True)
    return Address("open_id", target.staff_id)


def mentioned(target: ReplyTarget, staff_id: str) -> str:
    """Whom to mention: nobody in private, and not whom an answer reaches anyway."""
    return staff_id if target.is_group and not target.message_id else ""


def message_key(key: str) -> str:
    """A part's key as Feishu takes one: at most 50 characters."""
    return blake2b(key.encode(), digest_size=20).hexdigest()
