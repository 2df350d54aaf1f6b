"""Why a sentence commands nothing: it denies, asks, quotes, reports, plans or makes a condition."""

from .words import name_of, pattern

_LONGEST_NOTE = 200  # characters


def find_doubt(text: str) -> str:
    """negation, question, …: the first reason of ``[doubt]`` why this is no command; "" when there is none."""
    return name_of("doubts.doubt", text)


def takes_back(text: str) -> bool:
    """Whether these words undo or delay what was said before them: 点错了, 我再看看, 改天, 慢着."""
    return pattern("doubts.takes_back").search(text) is not None


def is_free_text(text: str) -> bool:
    """Whether a reason or note is only that: it takes nothing back, asks nothing, orders nothing else."""
    asks = pattern("doubts.doubt.question").search(text) or pattern("doubts.no_note").search(text)
    return len(text) <= _LONGEST_NOTE and not takes_back(text) and not asks
