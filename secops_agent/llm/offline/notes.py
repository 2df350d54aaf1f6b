"""What speaks against an order, and its free text, wherever it stands: 备注：…, 原因是…, 因为…, 以防…."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from .normalization import strip_courtesies
from .skeletons import Skeleton
from .words import name_of, pattern

_LONGEST = 200  # characters
_SCRAP = 3  # characters that are no clause of a note
_EDGES = " ,，。.:：;；~!！"
_CLAUSE = re.compile(r"[,，;；。!！]")


def find_doubt(text: str) -> str:
    """negation, question, …: the first reason of ``[doubt]`` why this is no command; "" when there is none."""
    return name_of("doubts.doubt", text)


class Note(NamedTuple):
    """``text`` with marks. ``is_note``: said to be a note, so never dropped; a reason is by tools that keep none."""

    text: str
    is_note: bool = False


def later_clauses(note: str) -> list[str]:
    """The clauses of a note after the first."""
    return [clause for clause in _CLAUSE.split(note)[1:] if clause.strip()]


def find_notes(text: str) -> Iterator[tuple[str, Note]]:
    """The rest of the sentence and its note, in the ways in which it can be meant, the longest note first."""
    text = pattern("doubts.fields").sub("，", text)
    marker = pattern("doubts.note").search(text)
    if not marker:
        return
    is_note = bool(marker["note"])
    start = marker.start("aim") if marker["aim"] else marker.end()
    quoted = pattern("doubts.quoted").match(text, start)
    if quoted:
        yield f"{text[: marker.start()]}，{text[quoted.end() :]}", Note(quoted["said"], is_note)
        return
    ends = [match.start() for match in pattern("doubts.break").finditer(text) if match.start() > start]
    for end in reversed(ends):
        yield f"{text[: marker.start()]}，{text[end:]}", Note(text[start:end], is_note)


def clean(note: str, skeleton: Skeleton) -> str:
    """As it was typed, without thanks and punctuation around it."""
    return strip_courtesies(skeleton.expand(note).strip(_EDGES)).text.strip(_EDGES)


def is_harmless(note: str, skeleton: Skeleton) -> bool:
    """Whether it is nothing but that: 原因不明 and 因为李四说的 are none, and further clauses must tell something."""
    text, later = skeleton.expand(note), later_clauses(note)
    told = (pattern("doubts.states").sub("", clause) for clause in later)
    barred = ("doubt.question", "no_note", "takes_back", "nothing", "by_others")
    return (
        len(text) <= _LONGEST
        and not any(pattern(f"doubts.{name}").search(text.strip(_EDGES)) for name in barred)
        and not any(
            len(clause.strip()) <= _SCRAP or pattern("doubts.by_others").search(clause) for clause in later
        )
        and all(find_doubt(clause) in ("", "report") for clause in told)
    )
