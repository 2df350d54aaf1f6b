"""Why a sentence commands nothing: it denies, asks, quotes, reports, plans or makes a condition."""

from .words import name_of, pattern


def find_doubt(text: str) -> str:
    """negation, question, …: the first reason of ``[doubt]`` why this is no command; "" when there is none."""
    return name_of("doubts.doubt", text)


def takes_back(text: str) -> bool:
    """Whether these words undo or delay what was said before them: 点错了, 我再看看, 改天, 慢着."""
    return pattern("doubts.takes_back").search(text) is not None
