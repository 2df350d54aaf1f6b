"""What a chat message says, by msgtype (facts: the chatbot callback's `msgtype` table).

Only words that the sender typed or spoke are ``text``. Whatever came from elsewhere (a message that was replied to or
forwarded, a card, a type of tomorrow) is ``quoted``: it can be asked about, and commands nothing.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bifang.channels.text.markup import literal
from secops_agent.agent.conversation import unreadable

log = logging.getLogger(__name__)
LONGEST_QUOTE: Final = 1000
DEEPEST: Final = 16  # objects, lists and JSON strings in one another: a quote in a quote in a quote
MOST_PARTS: Final = 200
LONGEST_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class Content:
    """``text`` to answer; ``cannot_read`` says in Chinese why there is none; ``files`` are download codes.

    ``over_quota``: there will be no words in the next message either.
    """

    text: str = ""
    quoted: str = ""
    files: tuple[Mapping[str, str], ...] = field(default=())
    cannot_read: str = ""
    over_quota: bool = False


CANNOT_READ = {
    "picture": unreadable.PICTURE,
    "video": unreadable.VIDEO,
    "file": unreadable.NO_FILE.replace("{platform}", "钉钉"),
    "audio": "收到了语音，但钉钉没有给出识别文字，请改用文字发送。",
}
WITHHELD = (
    "钉钉没有把这条消息的内容发过来（错误码 {code}）。请稍后再发；若一直如此，请管理员在钉钉开放平台查看。"
)
OVER_QUOTA = (
    "钉钉没有把这条消息的内容发过来（错误码 20001）：本企业这个月的 Webhook 与 Stream 消息额度已用完。"
    "请管理员在钉钉开放平台查看用量、购买额度包，或等到下个月；在此之前我收不到任何人说的话。"
)
# Where words stand in what was quoted or forwarded; a name or a link is no words.
WORDS: Final = ("title", "text", "content", "summary", "markdown", "desc", "description", "recognition")
QUOTES: Final = ("repliedMsg", "quote", "quotedMsg", "referMsg")


def read_content(data: Mapping[str, Any]) -> Content:
    """Never fails: fields that are missing or of another type read as empty."""
    withheld = text_of(data, "errorCode") or text_of(data, "errCode")  # both spellings were seen
    if withheld not in ("", "0"):
        return _withheld(withheld)
    msgtype = text_of(data, "msgtype")
    content = mapping_of(data, "content")
    if msgtype == "text":
        return _text(data)
    if msgtype == "richText":
        return _rich_text(data, content)
    quoted = _quoted(data, content)
    if msgtype == "audio" and text_of(content, "recognition").strip():
        return Content(text_of(content, "recognition").strip(), quoted, _files(content))
    if msgtype in CANNOT_READ:
        name = _name_of(content) or "未命名"
        if msgtype == "file" and _files(content):
            return Content("", quoted, _files(content))
        return Content("", quoted, _files(content), CANNOT_READ[msgtype].format(name=name))
    return _other(msgtype, content, data)


def text_of(data: Mapping[str, Any], name: str) -> str:
    """A field as text; "" if it is missing or not a scalar."""
    value = data.get(name)
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def mapping_of(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A field as object; DingTalk sometimes sends it as a JSON string."""
    value = data.get(name)
    if isinstance(value, str):
        value = _parsed(value)
        if isinstance(value, str):
            return {"content": value}
    return value if isinstance(value, Mapping) else {}


def _parsed(text: str) -> Any:
    """What a JSON string holds, if it is one of an object or a list; else the text."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, Mapping | list) else text


def _withheld(code: str) -> Content:
    """Neither text nor content came; DingTalk's own words are not ours to repeat."""
    code = code[:20] if code.isascii() and code.isalnum() else "未知"
    log.warning("dingtalk 收到没有内容的消息，错误码 %s（20001：本月消息额度用完）", code)
    over = code == "20001"
    return Content(cannot_read=OVER_QUOTA if over else WITHHELD.format(code=code), over_quota=over)


def _text(data: Mapping[str, Any]) -> Content:
    body = mapping_of(data, "text")
    text = text_of(body, "content").strip()
    quoted = _quoted(body, data)
    return Content(text, quoted, cannot_read="" if text or quoted else unreadable.NOTHING)


def _rich_text(data: Mapping[str, Any], content: Mapping[str, Any]) -> Content:
    given = content.get("richText")
    items = [item for item in given if isinstance(item, Mapping)] if isinstance(given, list) else []
    typed = [item for item in items if _is_typed(item)]
    text = "".join(text_of(item, "text") for item in typed).strip()
    others = [item for item in items if not _is_typed(item)]
    quoted = _joined([*_words(others), *_quotes(content, data)])
    files = tuple(file for item in items for file in _files(item))
    return Content(text, quoted, files, "" if text or quoted else CANNOT_READ["picture"])


def _is_typed(item: Mapping[str, Any]) -> bool:
    """A run of text and nothing else."""
    return text_of(item, "type") in ("", "text") and not any(name in item for name in QUOTES)


def _files(content: Mapping[str, Any]) -> tuple[Mapping[str, str], ...]:
    code = text_of(content, "downloadCode") or text_of(content, "pictureDownloadCode")
    name = _name_of(content)
    return ({"download_code": code, "name": name},) if code else ()


def _name_of(content: Mapping[str, Any]) -> str:
    """A file's name: foreign text, of which no path stays."""
    return literal(text_of(content, "fileName").replace("\\", "/").rpartition("/")[2])[-LONGEST_NAME:]


def _other(msgtype: str, content: Mapping[str, Any], data: Mapping[str, Any]) -> Content:
    """Cards, forwarded records and types of tomorrow: nobody typed what they say."""
    quoted = _joined(_words([content, data.get(msgtype), *(data.get(name) for name in QUOTES)]))
    if quoted:
        return Content(quoted=quoted)
    name = literal(text_of(content, "unknownMsgType") or msgtype)[:40] or "未知"
    return Content(cannot_read=unreadable.UNKNOWN.format(name=name))


# Quoted words


def _quoted(*places: Mapping[str, Any]) -> str:
    return _joined(_quotes(*places))


def _quotes(*places: Mapping[str, Any]) -> Iterator[str]:
    for place in places:
        yield from _words([place.get(name) for name in QUOTES])


def _joined(words: "Iterator[str] | list[str]") -> str:
    kept = [word for _, word in zip(range(MOST_PARTS), words, strict=False)]
    return "\n".join(dict.fromkeys(kept)).strip()[:LONGEST_QUOTE]


def _words(value: Any, depth: int = 0) -> Iterator[str]:
    """The words in a quoted thing of any shape, JSON strings read as what they hold, in their order."""
    if isinstance(value, str):
        inner = _parsed(value) if depth < DEEPEST and value[:1] in ("{", "[") else value
        if not isinstance(inner, str):
            yield from _words(inner, depth + 1)
        elif inner.strip():
            yield inner.strip()
    elif depth >= DEEPEST:
        return
    elif isinstance(value, Mapping):
        yield from _words_of(value, depth)
    elif isinstance(value, list):
        for one in value[:MOST_PARTS]:
            yield from _words(one, depth + 1)


def _words_of(thing: Mapping[str, Any], depth: int) -> Iterator[str]:
    for name, value in thing.items():
        if name == "richText" and isinstance(value, list):
            yield "".join(text_of(item, "text") for item in value if isinstance(item, Mapping)).strip()
        elif (
            name in WORDS
            or isinstance(value, Mapping | list)
            or (isinstance(value, str) and value[:1] in ("{", "["))
        ):
            yield from _words(value, depth + 1)
