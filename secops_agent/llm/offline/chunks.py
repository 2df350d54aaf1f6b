"""Cutting a clause into chunks: the longest word or short phrase of a closed list at each place, by what it does."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property, lru_cache


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


class Words:
    """A closed list: regular expressions by role; where two are equally long the first counts."""

    def __init__(self, *words: tuple[Role, str]) -> None:
        self._words = words
        self._cut = lru_cache(maxsize=64)(self._cut_anew)

    def without(self, role: Role) -> "Words":
        """The others."""
        return Words(*(word for word in self._words if word[0] is not role))

    def cut(self, clause: str) -> tuple[Chunk, ...]:
        """The chunks of the clause; nothing is tried twice, so that the time is linear."""
        return self._cut(clause)

    def _cut_anew(self, clause: str) -> tuple[Chunk, ...]:
        return tuple(_join(self._pieces(clause)))

    def _pieces(self, clause: str) -> Iterator[Chunk]:
        every, groups = self._every
        at = 0
        while at < len(clause):
            match = every.match(clause, at)
            found = match.group(0, *groups) if match else ()  # 0 takes nothing, and makes it a tuple always
            # All begin here, so that what is equally long is equal and the first is found.
            text = max(filter(None, found), key=len, default="")
            if text:
                yield Chunk(self._words[found.index(text) - 1][0], text)
            else:
                text = clause[at]
                yield Chunk(Role.GLUE if text.isspace() else Role.UNKNOWN, text)
            at += len(text)

    @cached_property
    def _every(self) -> "tuple[re.Pattern[str], list[int]]":
        """One pattern that finds what each word takes at a place, by lookaheads that may fail; and its groups."""
        looks = "".join(f"(?=(?P<w{i}>{word})?)" for i, (_, word) in enumerate(self._words))
        every = re.compile(looks, re.IGNORECASE)
        return every, [every.groupindex[f"w{i}"] for i in range(len(self._words))]


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
