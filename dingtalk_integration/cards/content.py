"""What a card shows: the template's variables ``title``, ``content``, ``flowStatus`` and ``buttons``."""

import json
from collections.abc import Sequence
from typing import Final

from bifang.channels.outgoing import before_taps, safe_button, without_taps
from bifang.channels.ports import Button, Part, ReplyTarget
from bifang.channels.splitting import CHARACTERS
from dingtalk_integration.openapi.cards import FAILED, FINISHED, INPUTTING, PROCESSING, CardPlace

KEY: Final = "content"  # the streaming variable
NAME: Final = "毕方"
WAITING: Final = "正在处理…"
_TOOLS: Final = "正在"  # how a progress line about tools begins
_LONGEST_LINE = 200


def place_of(target: ReplyTarget | None) -> CardPlace | None:
    """Where a card for this address appears; None if there can be none."""
    if target is None:
        return None
    if target.is_group:
        return CardPlace(target.conversation_id, True) if target.conversation_id else None
    return CardPlace("", False, target.staff_id) if target.staff_id else None


def tools_line(progress: Sequence[str]) -> str:
    """One line of what was done, in order: 查询告警 → 查询资产."""
    done = [line.removeprefix(_TOOLS).rstrip("….") for line in progress if line.startswith(_TOOLS)]
    return " → ".join(dict.fromkeys(done))[:_LONGEST_LINE]


def draft(progress: Sequence[str], text: str) -> str:
    """The content while the turn runs."""
    if text:
        cut = text if len(text) <= CHARACTERS else f"{text[:CHARACTERS]}…"
        return _under(tools_line(progress), cut)
    return _under(tools_line(progress[:-1]), progress[-1][:_LONGEST_LINE] if progress else WAITING)


def begin(progress: Sequence[str], text: str) -> dict[str, str]:
    """The variables of a new card."""
    flow = INPUTTING if text else PROCESSING
    return {"title": NAME, KEY: draft(progress, text), "flowStatus": flow}


def complete(progress: Sequence[str], part: Part) -> dict[str, str]:
    """The variables of a completed card. Its own title is worth showing where there is something to decide."""
    values = {
        "title": part.title if part.buttons and part.title else NAME,
        KEY: _under(tools_line(progress), without_taps(part.text)),
        "flowStatus": FINISHED,
    }
    return {**values, "buttons": _pack(part.buttons)} if part.buttons else values


def standing(title: str, text: str, buttons: Sequence[Button]) -> dict[str, str]:
    """The variables of a card that shows how something stands now."""
    return {"title": title or NAME, KEY: before_taps(text), "flowStatus": FINISHED, "buttons": _pack(buttons)}


def decided(title: str, text: str) -> dict[str, str]:
    """The variables of a card whose question is answered."""
    return {"title": title, KEY: text, "buttons": "[]"}


def fail(text: str) -> dict[str, str]:
    """The variables of a card that will not be completed."""
    return {KEY: text, "flowStatus": FAILED, "buttons": "[]"}


def _under(line: str, text: str) -> str:
    return f"> 🔧 {line}\n\n{text}" if line else text


def _pack(buttons: Sequence[Button]) -> str:
    rows = [
        {"id": one.id, "text": one.text, "style": one.style, "params": dict(one.params)}
        for one in map(safe_button, buttons)
    ]
    return json.dumps(rows, ensure_ascii=False)
