"""What a chat message says, by msgtype (facts: the chatbot callback's `msgtype` table)."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

log = logging.getLogger(__name__)
LONGEST_QUOTE = 1000


@dataclass(frozen=True, slots=True)
class Content:
    """``text`` to answer; ``cannot_read`` says in Chinese why there is none; ``files`` are download codes."""

    text: str = ""
    quoted: str = ""
    files: tuple[Mapping[str, str], ...] = field(default=())
    cannot_read: str = ""


CANNOT_READ = {
    "picture": "收到了图片。我现在还看不懂图片，请用文字描述要查的内容。",
    "video": "收到了视频。我现在还看不懂视频，请用文字描述要查的内容。",
    "file": "收到了文件「{name}」。我现在还不能读取文件内容，请用文字描述要查的内容。",
    "audio": "收到了语音，但钉钉没有给出识别文字，请改用文字发送。",
}
WITHHELD = (
    "钉钉没有把这条消息的内容发过来（错误码 {code}）。请稍后再发；若一直如此，请管理员在钉钉开放平台查看。"
)
OVER_QUOTA = (
    "钉钉没有把这条消息的内容发过来（错误码 20001）：本企业这个月的 Webhook 与 Stream 消息额度已用完。"
    "请管理员在钉钉开放平台查看用量、购买额度包，或等到下个月；在此之前我收不到任何人说的话。"
)
UNKNOWN = "收到了一条我还不支持的消息（类型 {name}），请用文字发送。"


def read_content(data: Mapping[str, Any]) -> Content:
    """Never fails: fields that are missing or of another type read as empty."""
    withheld = text_of(data, "errorCode") or text_of(data, "errCode")  # both spellings were seen
    if withheld not in ("", "0"):
        return _withheld(withheld)
    msgtype = text_of(data, "msgtype")
    if msgtype == "text":
        return _text(data)
    content = mapping_of(data, "content")
    if msgtype == "richText":
        return _rich_text(content)
    if msgtype == "audio" and text_of(content, "recognition").strip():
        return Content(text_of(content, "recognition").strip(), files=_files(content))
    if msgtype in CANNOT_READ:
        name = text_of(content, "fileName") or "未命名"
        return Content(files=_files(content), cannot_read=CANNOT_READ[msgtype].format(name=name))
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
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {"content": value}
    return value if isinstance(value, Mapping) else {}


def _withheld(code: str) -> Content:
    """Neither text nor content came; DingTalk's own words are not ours to repeat."""
    code = code[:20] if code.isascii() and code.isalnum() else "未知"
    log.warning("dingtalk 收到没有内容的消息，错误码 %s（20001：本月消息额度用完）", code)
    return Content(cannot_read=OVER_QUOTA if code == "20001" else WITHHELD.format(code=code))


def _text(data: Mapping[str, Any]) -> Content:
    body = mapping_of(data, "text")
    text = text_of(body, "content").strip()
    quoted = _quoted(mapping_of(body, "repliedMsg")) if body.get("isReplyMsg") else ""
    if not text and not quoted:
        return Content(cannot_read="您没有写内容。请在 @我 之后写上要查的内容，或发送「帮助」。")
    return Content(text or quoted, quoted if text else "")


def _quoted(replied: Mapping[str, Any]) -> str:
    """The text of the message that was replied to; its content is an object or a JSON string."""
    content = mapping_of(replied, "content")
    parts = [text_of(content, "text") or text_of(content, "content") or text_of(content, "title")]
    rich = content.get("richText")
    if isinstance(rich, list):
        parts += [text_of(item, "text") for item in rich if isinstance(item, Mapping)]
    return "".join(parts).strip()[:LONGEST_QUOTE]


def _rich_text(content: Mapping[str, Any]) -> Content:
    given = content.get("richText")
    items = [item for item in given if isinstance(item, Mapping)] if isinstance(given, list) else []
    text = "".join(text_of(item, "text") for item in items).strip()
    files = tuple(file for item in items for file in _files(item))
    return Content(text, files=files, cannot_read="" if text else CANNOT_READ["picture"])


def _files(content: Mapping[str, Any]) -> tuple[Mapping[str, str], ...]:
    code = text_of(content, "downloadCode") or text_of(content, "pictureDownloadCode")
    return ({"download_code": code, "name": text_of(content, "fileName")},) if code else ()


def _other(msgtype: str, content: Mapping[str, Any], data: Mapping[str, Any]) -> Content:
    """Cards, forwarded records and types of tomorrow: their text if they carry one."""
    body = mapping_of(data, msgtype) if msgtype else {}
    for part in (content, body):
        text = (
            text_of(part, "text")
            or text_of(part, "content")
            or text_of(part, "summary")
            or text_of(part, "title")
        )
        if text.strip():
            return Content(text.strip())
    name = text_of(content, "unknownMsgType") or msgtype or "未知"
    return Content(cannot_read=UNKNOWN.format(name=name[:40]))
