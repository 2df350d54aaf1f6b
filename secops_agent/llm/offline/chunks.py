"""Cutting a text into the words of `words/orders.toml`, the longest at each place; nothing is tried twice."""

import re
from dataclasses import dataclass
from functools import cache
from itertools import product

from .skeletons import ANY_MARK
from .words import load

_JOINED = re.compile("[a-z0-9]{2}", re.IGNORECASE)
_HIDING = ("unknown", "no_task")
_QUIET = " :：=@\t"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A word at its place with the list that has it; ``role`` is "" for what none has, and for a mark."""

    role: str
    text: str
    at: int = 0


def cut(text: str, lists: tuple[str, ...]) -> list[Chunk]:
    """The chunks of a text, what has no list joined; spaces and colons carry nothing and are left out."""
    roles, lengths = _index(lists)
    chunks, at, lowered, loose = [], 0, text.lower(), False
    while at < len(text):
        sizes = (size for size in lengths.get(lowered[at], ()) if lowered[at : at + size] in roles)
        size = next((size for size in sizes if not _is_glued(text, at, at + size)), 0)
        role, said = roles[lowered[at : at + size]] if size else "", text[at : at + max(size, 1)]
        known = bool(role) and role not in _HIDING
        if known or ANY_MARK.match(said):
            chunks.append(Chunk(role, said, at))
        elif loose and (size or said not in _QUIET):
            chunks[-1] = Chunk("", text[chunks[-1].at : at + len(said)], chunks[-1].at)
        elif size or said not in _QUIET:
            chunks.append(Chunk("", said, at))
        loose = bool(chunks) and not known and not ANY_MARK.match(chunks[-1].text) and not chunks[-1].role
        at += len(said)
    return chunks


def _is_glued(text: str, at: int, end: int) -> bool:
    """An English word counts only where no letter or digit touches it."""
    return bool((at and _JOINED.match(text, at - 1)) or _JOINED.match(text, end - 1))


@cache
def _index(lists: tuple[str, ...]) -> tuple[dict[str, str], dict[str, list[int]]]:
    """The list of each word, the first that has it; and how long words with each first character are."""
    roles: dict[str, str] = {}
    for name in lists:
        for word in (spelling for short in load("orders")[name]["words"] for spelling in _spell_out(short)):
            roles.setdefault(word, name)
    sizes: dict[str, set[int]] = {}
    for word in roles:
        sizes.setdefault(word[0], set()).add(len(word))
    return roles, {char: sorted(found, reverse=True) for char, found in sizes.items()}


def _spell_out(word: str) -> list[str]:
    """Every word that a short way such as ``(a|b|)c`` stands for."""
    parts = [part.split("|") for part in re.split(r"[()]", word)]
    return ["".join(said) for said in product(*parts) if any(said)]
