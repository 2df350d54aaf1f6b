"""Whether what arrived from a platform can be stored as it is. PostgreSQL holds no NUL, no database holds lone surrogates."""

import json
from collections.abc import Mapping
from typing import Any

from bifang.channels.ports import Incoming

OURS = (
    "web:"  # how the conversations on our own pages begin: whose they are is said by it, so no platform may
)
LONGEST_ID = 200  # characters, the width of the columns
DEEPEST = 100  # levels of JSON; SQLite takes 1000
_SIGNS = ("\\u0000", "\\ud", "\\uD", "\\u005")  # the last: a backslash, of JSON inside of JSON


def unstorable(item: Incoming, raw: str) -> str:
    """Why this item cannot be stored as it is; "" if it can."""
    ids = (item.external_id, item.conversation_id, item.sender_id)
    if any(len(one) > LONGEST_ID for one in ids):
        return f"消息的标识超过 {LONGEST_ID} 个字符，不像是平台发来的。"
    if item.conversation_id.startswith(OURS):
        return "会话的标识写着是毕方自己的网页，不像是平台发来的。"
    if item.kind != "chat" and (_too_deep(item.payload) or _has_odd_numbers(item.payload)):
        return f"消息中有数据库无法保存的数据（不是数的数，或超过 {DEEPEST} 层）。"
    if not any(sign in raw for sign in _SIGNS):
        return ""
    if any(
        _cannot_hold(value)
        for value in (*ids, item.text, dict(item.payload), item.target and item.target.webhook)
    ):
        return "消息中有数据库无法保存的字符（NUL 或不完整的 Unicode）。"
    return ""


def _too_deep(value: Any, room: int = DEEPEST) -> bool:
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return room == 0 or any(_too_deep(child, room - 1) for child in children)


def _has_odd_numbers(payload: Mapping[str, Any]) -> bool:
    """NaN and Infinity, which Python's JSON reads and no database holds."""
    try:
        json.dumps(dict(payload), allow_nan=False)
    except ValueError:
        return True
    return False


def _cannot_hold(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_cannot_hold(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return any(map(_cannot_hold, value))
    # A person may well write about "\\u0000": only the character itself is refused.
    return isinstance(value, str) and ("\x00" in value or not _is_unicode(value))


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
