"""A card as Feishu takes it: JSON 2.0, one Markdown element, buttons that call back."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bifang.channels.ports import Button
from bifang.channels.text.outgoing import safe_button, safe_line, safe_text
from bifang.core.errors import RemoteError

TEXT: Final = "text"  # element_id of the Markdown
SUMMARY: Final = 60  # characters of what the list of chats shows
LARGEST: Final = 30 * 1024 - 512  # bytes; Feishu: 30 KB with what it adds
_OPEN_ID: Final = re.compile(r"ou_[A-Za-z0-9_-]{1,64}")
# Feishu reads tags of its own (at, font, link, …) and images by key; whether also in code is documented nowhere.
_TAG: Final = re.compile(r"<(?=[A-Za-z/!?]|\s+at\b)", re.IGNORECASE)


def feishu_text(text: str) -> str:
    """Markdown of any origin as Feishu may show it: nothing in it mentions anybody or loads an image."""
    said = _TAG.sub("＜", safe_text(text))
    return said.replace("![", "！[") if "](" in said else said


def is_person(staff_id: str) -> bool:
    """Is it the open_id of one person, and above all not "all"?"""
    return _OPEN_ID.fullmatch(staff_id) is not None


def card_json(
    title: str, text: str, buttons: Sequence[Button], track_id: str, *, streaming: bool = False, at: str = ""
) -> dict[str, Any]:
    """A card of JSON 2.0, made safe. A click on a button brings back ``{track_id, id, **params}``.

    ``at``: the open_id of somebody to mention. RemoteError (permanent) for what exceeds Feishu's 30 KB.
    """
    shown, line = feishu_text(text), safe_line(title)
    elements: list[dict[str, Any]] = [{"tag": "markdown", "element_id": TEXT, "content": shown or " "}]
    if is_person(at):
        elements.insert(0, {"tag": "markdown", "content": f"<at id={at}></at>"})
    if buttons:
        elements.append(_row([_button(safe_button(one), track_id) for one in buttons]))
    config = {
        "update_multi": True,
        "streaming_mode": streaming,
        "summary": {"content": _summary(line, shown)},
    }
    card = {
        "schema": "2.0",
        "config": config,
        "header": {"title": {"tag": "plain_text", "content": line}},
        "body": {"elements": elements},
    }
    if len(json.dumps(card, ensure_ascii=False).encode("utf-8", "replace")) > LARGEST:
        raise RemoteError("内容超过飞书卡片 30 KB 的上限，改用文字消息。", permanent=True, code="card_size")
    return card


def _summary(title: str, text: str) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "")
    return f"{title}：{first}"[:SUMMARY]


def _row(buttons: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Side by side, in as many lines as they need: of themselves Feishu gives each button a line."""
    columns = [{"tag": "column", "width": "auto", "elements": [one]} for one in buttons]
    return {"tag": "column_set", "flex_mode": "flow", "horizontal_spacing": "8px", "columns": columns}


def _button(button: Button, track_id: str) -> dict[str, Any]:
    value = {**button.params, "track_id": track_id, "id": button.id}
    return {
        "tag": "button",
        "type": button.style if button.style in ("primary", "danger") else "default",
        "text": {"tag": "plain_text", "content": button.text},
        "behaviors": [{"type": "callback", "value": value}],
    }
