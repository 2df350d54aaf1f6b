"""What a message says (facts: im.message.receive_v1). Only words that the sender typed are ``text``."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from bifang.channels.markup import literal

LONGEST_QUOTE, LONGEST_NAME = 1000, 50
_MENTION: Final = re.compile(r"@_(?:user_\d+|all)")
CANNOT_READ: Final = {
    "post": "收到了富文本消息。我现在只读纯文字，请直接打字发送要查的内容。",
    "image": "收到了图片。我现在还看不懂图片，请用文字描述要查的内容。",
    "file": "收到了文件「{name}」。我现在还不能读取飞书里的文件，请用文字描述要查的内容。",
    "audio": "收到了语音。我现在还听不懂飞书的语音，请改用文字发送。",
    "media": "收到了视频。我现在还看不懂视频，请用文字描述要查的内容。",
}
UNKNOWN: Final = "收到了一条我还不支持的消息（类型 {name}），请用文字发送。"
NOTHING: Final = "您没有写内容。请在 @我 之后写上要查的内容，或发送「帮助」。"


class MessageWords(NamedTuple):
    """``text`` to answer; ``cannot_read`` says in Chinese why there is none."""

    text: str = ""
    cannot_read: str = ""


def read_message(message: Mapping[str, Any]) -> MessageWords:
    """Never fails: fields that are missing or of another type read as empty."""
    kind, content = field_of(message, "message_type"), _content(message.get("content"))
    if kind != "text":
        name = literal(field_of(content, "file_name"))[:LONGEST_NAME] or "未命名"
        said = CANNOT_READ.get(kind, UNKNOWN.format(name=literal(kind)[:40] or "未知"))
        return MessageWords(cannot_read=said.replace("{name}", name))
    text = _without_us(field_of(content, "text"), message.get("mentions")).strip()
    return MessageWords(text, "" if text or field_of(message, "parent_id") else NOTHING)


def read_quote(item: Mapping[str, Any]) -> str:
    """The words of a message that was answered, as `read` of the OpenAPI gives it."""
    body = item.get("body")
    content = body.get("content") if isinstance(body, Mapping) else None
    return "\n".join(_words(_content(content), 0)).strip()[:LONGEST_QUOTE]


def field_of(thing: Any, name: str) -> str:
    """A field as text; "" if it is missing or no text."""
    value = thing.get(name) if isinstance(thing, Mapping) else None
    return value if isinstance(value, str) else ""


def object_of(thing: Any, name: str) -> Mapping[str, Any]:
    """A field as object; {} if it is missing or none."""
    value = thing.get(name) if isinstance(thing, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _content(text: Any) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else {}
    except (ValueError, RecursionError):
        return {}


def _without_us(text: str, mentions: Any) -> str:
    """The text with our own mention taken out, and other people by their names."""
    known = {field_of(one, "key"): one for one in mentions} if isinstance(mentions, list) else {}

    def shown(match: re.Match[str]) -> str:
        key = match.group()
        if key == "@_all":
            return "@所有人"
        if key not in known:
            return key
        return "" if _is_bot(known[key]) else f"@{literal(field_of(known[key], 'name'))[:LONGEST_NAME]}"

    return _MENTION.sub(shown, text)


def _is_bot(mention: Any) -> bool:
    """Older events do not say what was mentioned: there, only people have a user id."""
    kind = field_of(mention, "mentioned_type")
    return kind == "bot" if kind else not field_of(object_of(mention, "id"), "user_id")


def _words(value: Any, depth: int) -> list[str]:
    if depth > 8:
        return []
    if isinstance(value, list):
        return [word for one in value[:200] for word in _words(one, depth + 1)]
    if not isinstance(value, Mapping):
        return []
    found = []
    for name, inner in value.items():
        if isinstance(inner, str):
            found += [inner] if name in ("text", "title", "content") else []
        else:
            found += _words(inner, depth + 1)
    return found
