"""A sentence whose names, ids and times are single marks, so that rules stay short and exact."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

_BASE = 0xE000
_ROOM = 64
Kind = IntEnum(
    "Kind",
    "URL HASH CVE NETWORK IP ASSET_IP ASSET DOMAIN HOST PERSON SCHEDULE TIME DURATION ALERT ALERTS SEVERITY STATUS LIMIT",
    start=0,
)
"""What a mark stands for."""


@dataclass(frozen=True, slots=True)
class MaskedName:
    """``raw`` is what was typed (normalised), ``value`` what it means."""

    kind: Kind
    raw: str
    value: Any


Reader = Callable[[re.Match[str]], Any]


def mark(*kinds: Kind) -> str:
    """A regular expression for one mark of these kinds."""
    ranges = "".join(f"{chr(_BASE + kind * _ROOM)}-{chr(_BASE + kind * _ROOM + _ROOM - 1)}" for kind in kinds)
    return f"[{ranges}]"


ANY_MARK = re.compile(f"[{chr(_BASE)}-{chr(_BASE + len(Kind) * _ROOM)}]")


@dataclass(slots=True)
class Skeleton:
    """``text`` with marks; ``entities`` by mark."""

    text: str
    entities: dict[str, MaskedName] = field(default_factory=dict)

    def take(self, kind: Kind, pattern: "re.Pattern[str]", read: Reader) -> None:
        """Replace every match that ``read`` gives a value for; None leaves the text as it is."""

        def replace(match: re.Match[str]) -> str:
            value = read(match)
            count = sum(entity.kind is kind for entity in self.entities.values())
            if value is None or count >= _ROOM:
                return match.group()
            char = chr(_BASE + kind * _ROOM + count)
            self.entities[char] = MaskedName(kind, self.expand(match.group()), value)
            return char

        self.text = pattern.sub(replace, self.text)

    def found(self, *kinds: Kind) -> list[MaskedName]:
        """Entities of these kinds in the order of the sentence."""
        return [self.entities[c] for c in self.text if c in self.entities and self.entities[c].kind in kinds]

    def first(self, *kinds: Kind) -> MaskedName | None:
        """The first entity of these kinds."""
        return next(iter(self.found(*kinds)), None)

    def expand(self, fragment: str) -> str:
        """The fragment with its marks turned back into what was typed."""
        while ANY_MARK.search(fragment):
            fragment = ANY_MARK.sub(lambda m: self.entities[m.group()].raw, fragment)
        return fragment


def blank_marks(text: str) -> str:
    """The text with each mark as the first one of its kind: which one it is tells nothing."""
    return ANY_MARK.sub(lambda m: chr(_BASE + (ord(m.group()) - _BASE) // _ROOM * _ROOM), text)
