"""Words that belong together: known attacks and products; and the topic of a question about handling."""

import re
from functools import cache

from .chunks import Index
from .words import pattern, wordset

_CLAUSE = re.compile(r"[,，。;；!！?？]")
_EDGES = ' ,，。.?？!！:：“”"「」《》'


def find_words(text: str, *lists: str) -> list[tuple[int, int]]:
    """Where known words of `words/keywords.toml` stand, the longest at each place, none inside another."""
    index, found, at = _index(*lists), [], 0
    while at < len(text):
        size = index.longest(text, at)
        found += [(at, at + size)] if size else []
        at += max(size, 1)
    return found


@cache
def _index(*lists: str) -> Index:
    """What has a space may be written without it."""
    words = {word: name for name in lists for word in wordset(f"keywords.{name}")}
    return Index({**{word.replace(" ", ""): name for word, name in words.items()}, **words})


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
    bare = text.strip()
    for _ in range(3):
        bare = pattern("topics.first").sub("", bare)
        bare = pattern("topics.last").sub("", bare).strip(_EDGES)
    return re.sub(r"\s+", " ", bare)
