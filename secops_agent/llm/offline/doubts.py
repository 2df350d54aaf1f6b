"""Why a sentence commands nothing: it denies, asks, quotes, reports, plans or makes a condition."""

from typing import Literal, cast

from .words import load, pattern

Doubt = Literal["negation", "question", "quotation", "condition", "report", "plan"]
LONGEST_NOTE = 200  # characters
HINTS: dict[Doubt, str] = {
    "negation": "好的，没有执行任何操作。",
    "question": "这像是一个问题，没有执行任何操作。",
    "quotation": "这像是引用或转述的话，没有执行任何操作。",
    "condition": "条件句不会触发操作，没有执行任何操作。",
    "report": "这像是在说已经发生的事，没有执行任何操作。",
    "plan": "这像是建议或打算，没有执行任何操作；需要时请直接下命令。",
}


def find_doubt(text: str) -> Doubt | None:
    """Why this sentence is no command, the first reason of the file; None when nothing speaks against one."""
    kinds = cast(list[Doubt], list(load("doubts")["doubt"]))
    return next((kind for kind in kinds if pattern(f"doubts.doubt.{kind}").search(text)), None)


def takes_back(text: str) -> bool:
    """Whether these words undo or delay what was said before them: 点错了, 我再看看, 改天, 慢着."""
    return pattern("doubts.takes_back").search(text) is not None


def is_free_text(text: str) -> bool:
    """Whether a reason or note is only that: it takes nothing back, asks nothing, orders nothing else."""
    asks = pattern("doubts.doubt.question").search(text) or pattern("doubts.no_note").search(text)
    return len(text) <= LONGEST_NOTE and not takes_back(text) and not asks
