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
    "URL HASH CVE NETWORK IP ASSET_IP ASSET DOMAIN HOST PERSON SCHEDULE TIME DURATION ALERT ALERTS SEVERITY STATUS LIMIT TECHNIQUE VERDICT NUMBER ROW REF CASE KEYWORD OBSERVABLE ENVIRONMENT FINDING",
    start=0,
)
"""What a mark stands for."""


@dataclass(frozen=True, slots=True)
class MaskedName:
    """``raw`` is what was typed (normalised), ``value`` what it means; not ``exact``: a slip, a nickname, a reference, a guess."""

    kind: Kind
    raw: str
    value: Any
    exact: bool = True


Reader = Callable[[re.Match[str]], Any]
Names = tuple[tuple[str, MaskedName], ...]


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

    def take(self, kind: Kind, pattern: "re.Pattern[str]", read: Reader, *, exact: bool = True) -> None:
        """Replace every match that ``read`` gives a value for; None leaves the text as it is."""

        def replace(match: re.Match[str]) -> str:
            value = read(match)
            count = sum(entity.kind is kind for entity in self.entities.values())
            if value is None or count >= _ROOM:
                return match.group()
            char = chr(_BASE + kind * _ROOM + count)
            self.entities[char] = MaskedName(kind, self.expand(match.group()), value, exact)
            return char

        self.text = pattern.sub(replace, self.text)

    def put(self, name: MaskedName, *, instead_of: str = "") -> None:
        """Mark what was meant and not written: in the place of another mark, else before everything."""
        char = self.add(name)
        self.text = self.text.replace(instead_of, char) if instead_of else f"{char} {self.text}"

    def add(self, name: MaskedName) -> str:
        """A mark for it, which stands nowhere yet."""
        count = sum(entity.kind is name.kind for entity in self.entities.values())
        char = chr(_BASE + name.kind * _ROOM + count)
        self.entities[char] = name
        return char

    def found(self, *kinds: Kind) -> list[MaskedName]:
        """Entities of these kinds in the order of the sentence."""
        return [self.entities[c] for c in self.text if c in self.entities and self.entities[c].kind in kinds]

    @property
    def names(self) -> Names:
        """The marks of the text with what they stand for: with the text all that can be read of it."""
        return tuple((char, self.entities[char]) for char in self.text if char in self.entities)

    def first(self, *kinds: Kind) -> MaskedName | None:
        """The first entity of these kinds."""
        return next(iter(self.found(*kinds)), None)

    def expand(self, fragment: str) -> str:
        """The fragment with its marks turned back into what was typed."""
        while ANY_MARK.search(fragment):
            fragment = ANY_MARK.sub(lambda m: self.entities[m.group()].raw, fragment)
        return fragment
