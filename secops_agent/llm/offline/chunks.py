"""Cutting a text into the words of `words/orders.toml`, the longest at each place; nothing is tried twice."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product

from .words import load

_JOINED = re.compile("[a-z0-9_-]{2}", re.IGNORECASE)
_HIDING = ("unknown", "no_task")
_QUIET = " :：=@\t"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A word at its place with the list that has it; ``role`` is "" for what none has, and for a mark."""

    role: str
    text: str
    at: int = 0


def cut(text: str, lists: tuple[str, ...]) -> list[Chunk]:
    """The chunks of a text, character by character where no list has any; spaces and colons carry nothing."""
    index, chunks, at = _index(lists), [], 0
    while at < len(text):
        size = index.longest(text, at)
        said = text[at : at + max(size, 1)]
        role = index.roles[said.lower()] if size else ""
        if size or said not in _QUIET:
            chunks.append(Chunk("" if role in _HIDING else role, said, at))
        at += len(said)
    return chunks


class Index:
    """Words in lower case with what each is; finds the longest that stands at a place."""

    def __init__(self, roles: Mapping[str, str]) -> None:
        self.roles = roles
        sizes: dict[str, set[int]] = {}
        for word in roles:
            sizes.setdefault(word[0], set()).add(len(word))
        self._sizes = {char: sorted(found, reverse=True) for char, found in sizes.items()}

    def longest(self, text: str, at: int) -> int:
        """Its length, or 0; an English word counts only where no letter or digit touches it."""
        for size in self._sizes.get(text[at].lower(), ()):
            word, end = text[at : at + size].lower(), at + size
            touched = (at and _JOINED.match(text, at - 1)) or _JOINED.match(text, end - 1)
            if len(word) == size and word in self.roles and not touched:
                return size
        return 0


@cache
def _index(lists: tuple[str, ...]) -> Index:
    """Of lists of `words/orders.toml`; a word is on the first that has it."""
    roles: dict[str, str] = {}
    for name in lists:
        for word in (spelling for short in load("orders")[name]["words"] for spelling in _spell_out(short)):
            roles.setdefault(word, name)
    return Index(roles)


def _spell_out(word: str) -> list[str]:
    """Every word that a short way such as ``(a|b|)c`` stands for."""
    parts = [part.split("|") for part in re.split(r"[()]", word)]
    return ["".join(said) for said in product(*parts) if any(said)]
