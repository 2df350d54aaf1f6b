"""The names of the company that a sentence may hold, frozen for one turn."""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .normalization import simplify


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Keys are lower case and in simplified characters, values are the names as people write them.

    ``assets``: every name and address → canonical name. ``people``: every name, nick and staff id → the form handed
    to the tools. ``keywords``: alert rules, sources and other words that filter alerts. ``chinese_assets``: names
    that hold Chinese have no word boundaries, so they are found by their first two characters, longest first.
    Lookups are by hash, so that 50,000 assets cost as much as five.
    """

    assets: Mapping[str, str] = field(default_factory=dict)
    people: Mapping[str, str] = field(default_factory=dict)
    keywords: frozenset[str] = frozenset()
    chinese_assets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def build(
        cls,
        *,
        assets: Iterable[tuple[str, Iterable[str]]] = (),
        people: Iterable[tuple[str, str, str]] = (),
        keywords: Iterable[str] = (),
    ) -> "Lexicon":
        """From (name, its addresses and aliases) of assets and (staff id, name, nick) of people."""
        names = _index_assets(assets)
        words = frozenset(word.lower() for word in keywords if word.strip())
        return cls(names, _index_people(people), words, _index_chinese(names))

    def asset(self, text: str) -> str:
        """The canonical name of an asset's name or address, or an empty string."""
        return self.assets.get(text.lower(), "")


def _index_assets(assets: Iterable[tuple[str, Iterable[str]]]) -> dict[str, str]:
    named = [(name, tuple(filter(None, aliases))) for name, aliases in assets]
    index = {_canonical(alias): name for name, aliases in reversed(named) for alias in reversed(aliases)}
    return index | {simplify(name.lower()): name for name, _ in named}


def _canonical(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return simplify(text.lower())


def _index_people(people: Iterable[tuple[str, str, str]]) -> dict[str, str]:
    index: dict[str, str] = {}
    for staff_id, name, nick in people:
        for key in filter(None, (staff_id, name, nick)):
            index.setdefault(simplify(key.lower()), staff_id if key == staff_id else name or staff_id)
    return index


def _index_chinese(names: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    index: dict[str, list[str]] = {}
    for name in sorted(names, key=len, reverse=True):
        if any("一" <= char <= "鿿" for char in name):
            index.setdefault(name[:2], []).append(name)
    return {key: tuple(found) for key, found in index.items()}
