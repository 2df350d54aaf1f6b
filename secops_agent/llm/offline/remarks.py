"""The free text of an order, wherever it stands: 备注：…, 原因是…, 因为…, 以防…; the sentence's own words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .manners import AFTER
from .mood import is_free_text
from .patterns import Pattern
from .skeletons import Skeleton

_MARKER = Pattern(
    r"[,，;；。.\s]*(?:(?P<note>(?:处理|处置)?备注|附言|附注|(?<![a-z])note(?![a-z]))|(?P<why>(?:封禁|隔离|处置|操作|申请|具体)?(?:原因|理由|缘由|事由|依据)|因为|由于|鉴于|考虑到|因(?=[^此何而公故])|说明|(?<![a-z])reason(?![a-z])|(?P<aim>以防|防止|避免|以免|防范|遏制|以便|便于)))"
    r"(?(aim)|(?:信息|内容)?(?:就)?(?:是|为(?!什么|何|啥)|一下|写|填|系|在于)?\s*[:：]?\s*)",
    re.IGNORECASE,
)
_QUOTED = Pattern(r"[“「『\"'‘](?P<said>[^“”「」『』\"'‘’]{1,200})[”」』\"'’]")
_BREAK = Pattern(r"\s*(?:[,，;；。!！]|$)")
_EDGES = " ,，。.:：;；~!！"
_THANKS = Pattern(rf"{AFTER}$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Remark:
    """``kind``: what was said to be a note is never dropped; a reason may be, by tools that keep none."""

    kind: Literal["note", "why"]
    text: str


def find_remarks(text: str, but: Pattern | None = None) -> Iterator[tuple[str, Remark]]:
    """The rest of the sentence and its remark, in the ways in which it can be meant, the longest remark first.

    ``but``: what is no remark although a marker stands before it.
    """
    markers = (one for one in _MARKER.finditer(text) if not (but and but.match(text, one.end())))
    marker = next(markers, None)
    if not marker:
        return
    kind: Literal["note", "why"] = "note" if marker["note"] else "why"
    start = marker.start("aim") if marker["aim"] else marker.end()
    quoted = _QUOTED.match(text, start)
    if quoted:
        yield _without(text, marker.start(), quoted.end()), Remark(kind, quoted["said"])
        return
    for end in reversed([match.start() for match in _BREAK.finditer(text) if match.start() > start]):
        yield _without(text, marker.start(), end), Remark(kind, text[start:end])


def _without(text: str, start: int, end: int) -> str:
    return f"{text[:start]}，{text[end:]}"


def clean(remark: str, skeleton: Skeleton) -> str:
    """As it was typed, without thanks and punctuation around it."""
    text = skeleton.expand(remark).strip(_EDGES)
    return _THANKS.sub("", text).strip(_EDGES)


def is_remark(remark: str, skeleton: Skeleton) -> bool:
    """Whether it is nothing but that."""
    return is_free_text(skeleton.expand(remark))
