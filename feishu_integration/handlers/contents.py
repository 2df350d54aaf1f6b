"""What a message says (facts: im.message.receive_v1). Only words that the sender typed are ``text``."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from bifang.channels.text.markup import literal
from secops_agent.agent.conversation import unreadable

LONGEST_QUOTE, LONGEST_NAME = 1000, 50
LONGEST_ID, MOST_BOTS = 100, 50
MOST_LINES, MOST_ELEMENTS = 1000, 3000  # of a post; Feishu takes 30 KB of them
_MENTION: Final = re.compile(r"@_(?:user_\d+|all)")
CANNOT_READ: Final = {
    "image": unreadable.PICTURE,
    "file": unreadable.NO_FILE.replace("{platform}", "飞书"),
    "audio": "收到了语音。我现在还听不懂飞书的语音，请改用文字发送。",
    "media": unreadable.VIDEO,
}


class MessageWords(NamedTuple):
    """``text`` to answer; ``cannot_read`` says in Chinese why there is none; ``files``: file_key and name."""

    text: str = ""
    cannot_read: str = ""
    files: tuple[Mapping[str, str], ...] = ()


def read_message(message: Mapping[str, Any]) -> MessageWords:
    """Never fails: fields that are missing or of another type read as empty."""
    kind, content = field_of(message, "message_type"), _content(message.get("content"))
    name = _name_of(content)
    key = field_of(content, "file_key")
    if kind == "file" and key:
        return MessageWords(files=({"file_key": key[:500], "name": name},))
    if kind not in ("text", "post"):
        said = CANNOT_READ.get(kind, unreadable.UNKNOWN.format(name=literal(kind)[:40] or "未知"))
        return MessageWords(cannot_read=said.replace("{name}", name or "未命名"))
    text = _typed(kind, content, _Mentions(message.get("mentions")))
    if text or field_of(message, "parent_id"):
        return MessageWords(text)
    pictures = kind == "post" and any(field_of(one, "tag") == "img" for one in _elements(content))
    return MessageWords(cannot_read=unreadable.PICTURE if pictures else unreadable.NOTHING)


def read_quote(item: Mapping[str, Any]) -> str:
    """The words of a message that was answered, as `read` of the OpenAPI gives it."""
    content = _content(field_of(object_of(item, "body"), "content"))
    kind = field_of(item, "msg_type")
    if kind in ("text", "post"):
        return _typed(kind, content, _Mentions(item.get("mentions")))[:LONGEST_QUOTE]
    return "\n".join(_words(content, 0)).strip()[:LONGEST_QUOTE]


def bots_of(message: Mapping[str, Any]) -> list[str]:
    """The open_ids of the robots that it mentions; "@所有人" is none of them."""
    given = message.get("mentions")
    found = (one for one in given[:MOST_ELEMENTS] if _is_bot(one)) if isinstance(given, list) else ()
    ids = (field_of(object_of(one, "id"), "open_id") for one in found if field_of(one, "key") != "@_all")
    return [one[:LONGEST_ID] for one in ids if one][:MOST_BOTS]


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


def _name_of(content: Any) -> str:
    """A file's name: foreign text, of which no path stays."""
    return literal(field_of(content, "file_name").replace("\\", "/").rpartition("/")[2])[-LONGEST_NAME:]


class _Mentions:
    """Who is mentioned in a message: by the key that stands in its text, or by an id."""

    def __init__(self, given: Any) -> None:
        self._known: dict[str, Any] = {}
        for one in given[:MOST_ELEMENTS] if isinstance(given, list) else ():
            ids = object_of(one, "id")
            for key in (field_of(one, "key"), field_of(ids, "open_id"), field_of(ids, "user_id")):
                self._known.setdefault(key, one)
        self._known.pop("", None)

    def name(self, key: str, otherwise: str) -> str:
        """Other people by their names; ourselves not at all."""
        if key in ("@_all", "all"):
            return "@所有人"
        if key not in self._known:
            return otherwise
        one = self._known[key]
        return "" if _is_bot(one) else f"@{literal(field_of(one, 'name'))[:LONGEST_NAME]}"

    def replaced(self, text: str) -> str:
        """A text with names instead of keys."""
        return _MENTION.sub(lambda found: self.name(found.group(), found.group()), text)


def _is_bot(mention: Any) -> bool:
    """Older events do not say what was mentioned: there, only people have a user id."""
    kind = field_of(mention, "mentioned_type")
    return kind == "bot" if kind else not field_of(object_of(mention, "id"), "user_id")


def _typed(kind: str, content: Any, mentions: _Mentions) -> str:
    if kind == "text":
        return mentions.replaced(field_of(content, "text")).strip()
    title, lines = field_of(_post(content), "title"), _lines(content)
    return "\n".join([title, *("".join(_shown(one, mentions) for one in line) for line in lines)]).strip()


# Rich text: a title, and lines of elements


def _post(content: Any) -> Mapping[str, Any]:
    """With or without a language around it."""
    if not isinstance(content, Mapping):
        return {}
    inner = (one for one in content.values() if isinstance(one, Mapping) and "content" in one)
    return content if "content" in content else next(inner, content)


def _lines(content: Any) -> Iterator[list[Any]]:
    left, lines = MOST_ELEMENTS, _post(content).get("content")
    for line in lines[:MOST_LINES] if isinstance(lines, list) else ():
        if isinstance(line, list):
            yield line[:left]
            left -= len(line[:left])


def _elements(content: Any) -> Iterator[Any]:
    for line in _lines(content):
        yield from line


def _shown(element: Any, mentions: _Mentions) -> str:
    """What stands to be read; of a link its words, where it has any: what nobody sees is not said."""
    tag, text = field_of(element, "tag"), field_of(element, "text")
    if tag == "at":
        name = literal(field_of(element, "user_name"))[:LONGEST_NAME]
        return mentions.name(field_of(element, "user_id"), f"@{name}" if name else "")
    if tag == "code_block":
        return f"\n{text.strip()}\n"
    if tag == "a":
        return text or field_of(element, "href")
    return mentions.replaced(text) if tag == "md" else text if tag == "text" else ""


def _words(value: Any, depth: int) -> list[str]:
    """The words of a card, or of a type of tomorrow."""
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
