"""Words that belong together: known attacks, products and compounds; and the topic of a question about handling.

Nouns that begin or end in a character which is a filler by itself (个人信息, 批量) are shielded from patterns meanwhile.
"""

import re
from functools import cache

from .chunks import Index
from .words import load, pattern, wordset

_FAR = 0x100000  # a private plane, far from the marks of `skeletons`
_FAR_CHAR = chr(_FAR)
_CLAUSE = re.compile(r"[,，。;；!！?？]")
_EDGES = ' ,，。.?？!！:：“”"「」《》'
_SHIELDED = re.compile(f"[{chr(_FAR)}-{chr(_FAR + 0xFFFD)}]")


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


def shield(text: str) -> str:
    """The text with every compound out of the reach of patterns; as long as it was."""
    held = {at for span in _compounds(text) for at in range(*span) if "一" <= text[at] <= "鿿"}
    return "".join(chr(_FAR + ord(char)) if at in held else char for at, char in enumerate(text))


def unshield(text: str) -> str:
    """What was shielded as it was typed."""
    return _SHIELDED.sub(lambda match: chr(ord(match.group()) - _FAR), text)


def widen(text: str, start: int, end: int) -> str:
    """The piece with the rest of the compounds that its ends cut: 宽耗尽 of 带宽耗尽 is 带宽耗尽."""
    for first, last in _compounds(text):
        start = first if first < start < last else start
        end = last if first < end < last else end
    return text[start:end]


def _compounds(text: str) -> list[tuple[int, int]]:
    known = [span for span in find_words(text, "attacks", "products") if not text[slice(*span)].isascii()]
    inside = {at for span in known for at in range(*span)}
    others = [match.span() for match in _compound().finditer(text)]
    return sorted(known + [span for span in others if not inside >= set(range(*span))])


@cache
def _compound() -> "re.Pattern[str]":
    """Where two words meet they only look like one: 列出|账号, 看一下|线索 are guarded against."""
    words = load("compounds")
    befores, afters = words["not_after"], words["not_before"]
    return re.compile(
        "|".join(
            f"(?<![{befores.get(word[0], _FAR_CHAR)}]){word}(?![{afters.get(word, _FAR_CHAR)}])"
            for word in sorted(words["compounds"].split(), key=len, reverse=True)
        )
    )


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
