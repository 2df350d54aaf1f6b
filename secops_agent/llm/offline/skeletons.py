"""A sentence whose names, ids and times are single marks, so that grammar rules stay short and exact."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


_BASE = 0xE000
_ROOM = 64


class Kind(IntEnum):
    """What a mark stands for."""

    URL = 0
    HASH = 1
    CVE = 2
    NETWORK = 3
    IP = 4
    ASSET_IP = 5
    ASSET = 6
    DOMAIN = 7
    HOST = 8
    PERSON = 9
    SCHEDULE = 10
    TIME = 11
    DURATION = 12
    ALERT = 13
    ALERTS = 14
    SEVERITY = 15
    STATUS = 16
    LIMIT = 17
    ITEM = 18
    VERDICT = 19


@dataclass(frozen=True, slots=True)
class Entity:
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
    entities: dict[str, Entity] = field(default_factory=dict)

    def take(self, kind: Kind, pattern: "re.Pattern[str]", read: Reader) -> None:
        """Replace every match that ``read`` gives a value for; None leaves the text as it is."""

        def replace(match: re.Match[str]) -> str:
            value = read(match)
            if value is None or self.count(kind) >= _ROOM:
                return match.group()
            return self._add(Entity(kind, self.expand(match.group()), value))

        self.text = pattern.sub(replace, self.text)

    def _add(self, entity: Entity) -> str:
        char = chr(_BASE + entity.kind * _ROOM + self.count(entity.kind))
        self.entities[char] = entity
        return char

    def count(self, kind: Kind) -> int:
        """How many marks of this kind were made."""
        return sum(entity.kind is kind for entity in self.entities.values())

    def copy(self) -> "Skeleton":
        """An independent skeleton to go on with."""
        return Skeleton(self.text, dict(self.entities))

    def found(self, *kinds: Kind) -> list[Entity]:
        """Entities of these kinds in the order of the sentence."""
        return [self.entities[c] for c in self.text if c in self.entities and self.entities[c].kind in kinds]

    def first(self, *kinds: Kind) -> Entity | None:
        """The first entity of these kinds."""
        return next(iter(self.found(*kinds)), None)

    def expand(self, fragment: str) -> str:
        """The fragment with its marks turned back into what was typed."""
        while ANY_MARK.search(fragment):
            fragment = ANY_MARK.sub(lambda m: self.entities[m.group()].raw, fragment)
        return fragment

    def spans(self) -> tuple[tuple[int, int, str], ...]:
        """Where the entities are in the normalised text: (start, end, kind in lower case)."""
        spans, position = [], 0
        for char in self.text:
            entity = self.entities.get(char)
            length = len(entity.raw) if entity else 1
            if entity:
                spans.append((position, position + length, entity.kind.name.lower()))
            position += length
        return tuple(spans)


def blank_marks(text: str) -> str:
    """The text with each mark as the first one of its kind: which one it is tells nothing."""
    return ANY_MARK.sub(lambda m: chr(_BASE + (ord(m.group()) - _BASE) // _ROOM * _ROOM), text)
