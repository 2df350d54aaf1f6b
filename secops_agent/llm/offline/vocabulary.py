"""Words that belong together: known attacks and products, and compounds that no filler may cut.

Nouns that begin or end in a character which is a filler by itself (个人信息, 批量, 审批) are shielded while fillers are
taken off: every character of them is moved where no pattern finds it, and back again.
"""

import re
from functools import cache

from .words import load, wordset

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")
_FAR = 0x100000  # a private plane, far from the marks of `skeletons`
_SHIELDED = re.compile(f"[{chr(_FAR)}-{chr(_FAR + 0xFFFD)}]")


def find_words(text: str, *lists: str) -> list[tuple[int, int]]:
    """Where known words stand in the text, the longest at each place, none inside another."""
    index, lowered, found, start = _index(*lists), text.lower(), [], 0
    while start < len(lowered) - 1:
        words = index.get(lowered[start : start + 2], ())
        end = next((start + len(word) for word in words if _stands(lowered, start, word)), 0)
        if end:
            found.append((start, end))
        start = end or start + 1
    return found


@cache
def _index(*lists: str) -> dict[str, tuple[str, ...]]:
    """By the first two characters, longest first; what has a space may be written without it."""
    index: dict[str, set[str]] = {}
    for word in frozenset().union(*(wordset(f"keywords.{name}") for name in lists)):
        for spelling in (word, word.replace(" ", "")):
            index.setdefault(spelling[:2], set()).add(spelling)
    return {start: tuple(sorted(found, key=len, reverse=True)) for start, found in index.items()}


def _stands(text: str, start: int, word: str) -> bool:
    """An ASCII word counts only where no letter or digit touches it."""
    ends = (start, start + len(word))
    return text.startswith(word, start) and not any(
        0 < at < len(text) and text[at - 1] in _LETTERS and text[at] in _LETTERS for at in ends
    )


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
    longest = sorted(set(words["compounds"].split()), key=lambda word: (-len(word), word))
    guarded = []
    for word in longest:
        before, after = words["not_after"].get(word[0], ""), words["not_before"].get(word, "")
        guarded.append((f"(?<![{before}])" if before else "") + word + (f"(?![{after}])" if after else ""))
    return re.compile("|".join(guarded))
