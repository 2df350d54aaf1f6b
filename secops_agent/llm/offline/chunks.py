"""Cutting a clause into chunks: the longest word or short phrase of a closed list at each place, by what it does."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from .patterns import Pattern


class Role(Enum):
    """What a chunk does in an order; ``UNKNOWN`` is what no list has."""

    OBJECT = auto()
    BLOCK = auto()
    ISOLATE = auto()
    CUT = auto()
    NET = auto()
    LENGTH = auto()
    CLOSE = auto()
    VERDICT = auto()
    CHECK = auto()
    MARK = auto()
    DONE = auto()
    BUSY = auto()
    TAKE = auto()
    MINE = auto()
    LOOK = auto()
    ASSIGN = auto()
    GIVE = auto()
    HAND = auto()
    PERSON = auto()
    GIVE_ME = auto()
    DELETE = auto()
    USELESS = auto()
    UNUSED = auto()
    MAKE = auto()
    MAKING = auto()
    NOUN = auto()
    REMIND = auto()
    DELIVER = auto()
    WISH = auto()
    MOVE = auto()
    PLEASE = auto()
    GLUE = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class Chunk:
    """``text`` is a piece of the skeleton."""

    role: Role
    text: str


Words = tuple[tuple[Role, Pattern], ...]


def compile_words(*words: tuple[Role, str]) -> Words:
    """Regular expressions by role; where two are equally long the first counts."""
    return tuple((role, Pattern(word, re.IGNORECASE)) for role, word in words)


def cut(clause: str, words: Words) -> tuple[Chunk, ...]:
    """The chunks of the clause; nothing is tried twice, so that the time is linear."""
    return tuple(_join(_cut(clause, words)))


def _cut(clause: str, words: Words) -> Iterator[Chunk]:
    at = 0
    while at < len(clause):
        found = [(match.end(), role) for role, word in words if (match := word.match(clause, at))]
        end, role = max(found, key=lambda one: one[0], default=(at, Role.UNKNOWN))
        if end == at:
            end, role = at + 1, Role.GLUE if clause[at].isspace() else Role.UNKNOWN
        yield Chunk(role, clause[at:end])
        at = end


def _join(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """Unknown characters next to each other are one chunk."""
    unknown = ""
    for chunk in chunks:
        if chunk.role is Role.UNKNOWN:
            unknown += chunk.text
            continue
        if unknown:
            yield Chunk(Role.UNKNOWN, unknown)
            unknown = ""
        yield chunk
    if unknown:
        yield Chunk(Role.UNKNOWN, unknown)
