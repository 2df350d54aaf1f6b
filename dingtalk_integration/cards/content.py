"""A face as the template's variables ``title``, ``content``, ``flowStatus`` and ``buttons``."""

import json
from collections.abc import Sequence
from typing import Final

from bifang.channels.cards.ports import Face, Stage
from bifang.channels.ports import Button
from dingtalk_integration.openapi.cards import FAILED, FINISHED, INPUTTING, PROCESSING

KEY: Final = "content"  # the streaming variable
_FLOW: Final[dict[Stage, str]] = {
    "thinking": PROCESSING, "typing": INPUTTING, "finished": FINISHED, "failed": FAILED,
}  # fmt: skip


def values_of(face: Face) -> dict[str, str]:
    """The variables of a face that is safe to show."""
    values = {"title": face.title, KEY: face.text, "flowStatus": _FLOW[face.stage]}
    return values if face.buttons is None else {**values, "buttons": _pack(face.buttons)}


def _pack(buttons: Sequence[Button]) -> str:
    rows = [
        {"id": one.id, "text": one.text, "style": one.style, "params": dict(one.params)} for one in buttons
    ]
    return json.dumps(rows, ensure_ascii=False)
