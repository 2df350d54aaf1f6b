"""The topic of a question about handling: 如何处置勒索病毒 → 勒索病毒."""

import re

from .vocabulary import shield, unshield
from .words import pattern

_CLAUSE = re.compile(r"[,，。;；!！?？]")
_EDGES = ' ,，。.?？!！:：“”"「」《》'


def shorten_query(text: str) -> str:
    """What a question about handling is about, as it was typed."""
    clauses = [clause for clause in _CLAUSE.split(text) if clause.strip()]
    named = next((i for i, clause in enumerate(clauses) if pattern("topics.manual").search(clause)), 0)
    asked = next((i for i, clause in enumerate(clauses) if pattern("topics.how").search(clause)), named)
    nearest = sorted(range(len(clauses)), key=lambda i: (abs(i - asked), i))
    topics = (_topic(clauses[i]) for i in nearest)
    return next((topic for topic in topics if len(topic) > 1), "") or _strip(text) or text.strip(" ?？。!！")


def _topic(clause: str) -> str:
    """What stands before the manual's name, else after it; without one what is left around the how."""
    clause = pattern("topics.planned").sub("", clause)
    pieces = (
        _strip(pattern("topics.how_words").sub(" ", piece))
        for piece in pattern("topics.manual").split(clause)
    )
    return next((piece for piece in pieces if len(piece) > 1), "")


def _strip(text: str) -> str:
    bare = shield(text.strip())
    for _ in range(3):
        bare = pattern("topics.first").sub("", bare)
        bare = pattern("topics.last").sub("", bare).strip(_EDGES)
    return re.sub(r"\s+", " ", unshield(bare))
