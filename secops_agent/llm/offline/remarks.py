"""The free text of an order, wherever it stands: 备注：…, 原因是…, 因为…, 以防…; the sentence's own words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .manners import AFTER
from .mood import find_doubt, is_free_text
from .patterns import Pattern
from .skeletons import ANY_MARK, Skeleton

_MARKER = Pattern(
    r"[,，;；。.\s]*(?:并且?|同时|顺便|另外)?(?:加|写|填|附)?(?:个|上|一?下)?(?:(?P<note>(?:处理|处置)?备注|附言|附注|(?<![a-z])note(?![a-z]))|(?P<why>(?:封禁|隔离|处置|操作|申请|具体)?(?:原因|理由|缘由|事由|依据)|因为|由于|鉴于|考虑到|因(?=[^此何而公故])|说明|(?<![a-z])reason(?![a-z])|(?:为了?(?=防止|避免|防范|遏制))?(?P<aim>以防|防止|避免|以免|防范|遏制|以便|便于)))"
    r"(?(aim)|(?:信息|内容)?(?:就)?(?:是|为(?!什么|何|啥)|一下|写|填|系|在于)?\s*[:：]?\s*)",
    re.IGNORECASE,
)
_QUOTED = Pattern(r"[“「『\"'‘](?P<said>[^“”「」『』\"'‘’]{1,200})[”」』\"'’]")
_BREAK = Pattern(r"\s*(?:[,，;；。!！]|$)")
_SPLIT = Pattern(r"[,，;；。!！]")
_SCRAP = Pattern(r"说$|^(?:和|与|跟|及|以及|还有|再|并|也|或)|听说|据说|他已经$|她已经$")
_ORDERED = Pattern(
    rf"(?:{ANY_MARK.pattern}|请|把|将|给|和|了|掉|\s|封禁|封掉|封|拉黑|屏蔽|阻断|断网|隔离|关闭|关掉|关单|关|指派|转给|派给|转|派|认领|接手|确认|删除|删掉|删|取消|误报|重复)++"
)
# 已封堵, 未发现异常, 等待回复: what has been done or seen is what notes are made of.
_STATES = Pattern(
    r"已经?|刚刚?|尚?未|没有?(?:发现|影响|问题|风险|威胁|命中|成功|异常)|不影响|无(?:影响|风险|威胁|异常)"
)
# 原因暴力破解 时长1小时: the next field begins.
_FIELDS = Pattern(r"\s+(?=(?:封禁)?(?:时长|期限)|结论)")
_EDGES = " ,，。.:：;；~!！"
_THANKS = Pattern(rf"{AFTER}$", re.IGNORECASE)

_NONE = Pattern(
    r"(?:尚|还|暂)?(?:不明|不详|不清楚|未知|待查|待定|待补充?|待确认|没有|没填|无|略|暂无|同上)(?:确|楚)?"
)
_OTHERS = Pattern(r"(?:说|讲|要求|吩咐|交代|让|叫|催|批准|同意)的$")


@dataclass(frozen=True, slots=True)
class Remark:
    """``kind``: what was said to be a note is never dropped; a reason may be, by tools that keep none."""

    kind: Literal["note", "why"]
    text: str


def find_remarks(text: str, but: Pattern | None = None) -> Iterator[tuple[str, Remark]]:
    """The rest of the sentence and its remark, in the ways in which it can be meant, the longest remark first.

    ``but``: what is no remark although a marker stands before it.
    """
    text = _FIELDS.sub("，", text)
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
    """Whether it is nothing but that: 原因不明 and 因为李四说的 are none."""
    text = skeleton.expand(remark)
    later = [clause for clause in _SPLIT.split(remark)[1:] if clause.strip()]
    return (
        is_free_text(text)
        and not _NONE.fullmatch(text.strip(_EDGES))
        and not _OTHERS.search(text)
        and all(_continues(clause) for clause in later)
    )


def _continues(clause: str) -> bool:
    """Whether a further clause belongs to the remark: it tells something, it is no scrap of speech and no order."""
    bare = _STATES.sub("", clause)
    return (
        len(clause.strip()) > 3
        and not _SCRAP.search(clause)
        and not _ORDERED.fullmatch(clause)
        and find_doubt(bare) in (None, "report")
    )
