"""Listing: the conditions of a list, declared once; each door (page, API, tool) derives from it what it takes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ConditionKind = Literal["choice", "text", "shape", "row", "flag", "moment"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One way to narrow a list.

    ``name``: of what it sets in the filter, ``several``: a tuple there. ``label``: as people read it; ``told``: what it
    means, for programs. ``page``, ``api``: its parameter in that door, "" where the door does not offer it; a text or a
    row is one value in the API, several on the page. ``choices``: value → label. ``shape``: the regular expression that a
    whole text must be. ``longest``: characters of a text. ``least``: the smallest number on a page (0: nobody).
    ``facet``: is it counted by value beside the list: "all" its values, or those "found".
    """

    name: str
    label: str
    kind: ConditionKind = "text"
    told: str = ""
    page: str = ""
    api: str = ""
    several: bool = False
    choices: Mapping[str, str] = field(default_factory=dict)
    shape: str = ""
    longest: int = 200
    least: int = 1
    facet: Literal["", "all", "found"] = ""

    def value_of(self, given: Any) -> Any:
        """What a door read, as the filter holds it: one value where that takes several is one of them."""
        if not self.several or isinstance(given, tuple):
            return given
        return tuple(given) if isinstance(given, list) else (given,) if given else ()


@dataclass(frozen=True, slots=True)
class Listing:
    """The conditions of one list, in the order in which they are shown and written."""

    conditions: tuple[Condition, ...]

    def on_page(self) -> Iterator[Condition]:
        """Those that the page's address may hold."""
        return (each for each in self.conditions if each.page)

    def in_api(self) -> Iterator[Condition]:
        """Those that are parameters of the API."""
        return (each for each in self.conditions if each.api)

    def facets(self) -> Mapping[str, Condition]:
        """Those that are counted by value, by their name on the page."""
        return {each.page: each for each in self.conditions if each.facet}
