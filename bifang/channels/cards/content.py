"""What a card shows: its face while a turn runs, when it is answered, and when it is not."""

import json
from collections.abc import Sequence
from typing import Final

from bifang.channels.cards.ports import CardPlace, Face
from bifang.channels.ports import Button, Part, ReplyTarget
from bifang.channels.text.outgoing import before_taps, without_taps
from bifang.channels.text.splitting import CHARACTERS

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
    """The text while the turn runs."""
    if text:
        cut = text if len(text) <= CHARACTERS else f"{text[:CHARACTERS]}…"
        return _under(tools_line(progress), cut)
    return _under(tools_line(progress[:-1]), progress[-1][:_LONGEST_LINE] if progress else WAITING)


def begin(progress: Sequence[str], text: str) -> Face:
    """A new card."""
    return Face(NAME, draft(progress, text), "typing" if text else "thinking")


def complete(progress: Sequence[str], part: Part) -> Face:
    """A completed card. Its own title is worth showing where there is something to decide, and the text does not begin with it."""
    told = part.text.replace("**", "").lstrip("#> ").startswith(part.title)
    title = NAME if told or not part.buttons else part.title
    text = _under(tools_line(progress), without_taps(part.text, part.buttons))
    return Face(title, text, "finished", part.buttons or None)


def standing(title: str, text: str, buttons: Sequence[Button]) -> Face:
    """A card that shows how something stands now."""
    return Face(title or NAME, before_taps(text), "finished", tuple(buttons))


def decided(title: str, text: str) -> Face:
    """A card whose question is answered."""
    return Face(title, text, "finished", ())


def fail(text: str) -> Face:
    """A card that will not be completed."""
    return Face(NAME, text, "failed", ())


def fingerprint(face: Face) -> str:
    """The same for the same face."""
    buttons = [[one.id, one.text, one.style, dict(one.params)] for one in face.buttons or ()]
    return json.dumps([face.title, face.text, buttons])


def _under(line: str, text: str) -> str:
    return f"> 🔧 {line}\n\n{text}" if line else text
