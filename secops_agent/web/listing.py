"""What the lists of the estate share: the query string they take, links that change it, pages, facets, the file."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from django.core.exceptions import BadRequest
from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import QueryDict
from django.utils.dateparse import parse_date

from bifang.core.admin.base import CappedPaginator
from secops_agent.kit.listing import Listing

M = TypeVar("M", bound=Model)
PER_PAGE: Final = 50
MOST_EXPORTED: Final = 20_000
MOST_VALUES: Final = 20
_LONGEST: Final = 200
_NUMBER: Final = re.compile("[0-9]{1,18}")


def number(text: str) -> int:
    """The number of a row as it was posted; 0 for what can be none."""
    return int(text) if _NUMBER.fullmatch(text) else 0


@dataclass(frozen=True, slots=True)
class ListLink:
    """Something that can be chosen by a link."""

    label: str
    url: str
    chosen: bool = False
    count: str = ""


@dataclass(frozen=True, slots=True)
class ListShape:
    """Which parameters a list has: words of a table, numbers, days, texts; and which may be given several times.
    ``least``, ``longest``: of numbers and texts that have a bound of their own."""

    choices: Mapping[str, Collection[str]]
    texts: Collection[str] = ("q",)
    numbers: Collection[str] = ()
    several: Collection[str] = ()
    days: Collection[str] = ()
    least: Mapping[str, int] = field(default_factory=dict)
    longest: Mapping[str, int] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return any(name in names for names in (self.choices, self.texts, self.numbers, self.days))

    def takes(self, name: str, value: str) -> bool:
        """Is this a value that the parameter can have?"""
        if name in self.choices:
            return value in self.choices[name]
        if name in self.numbers:
            return bool(_NUMBER.fullmatch(value)) and int(value) >= self.least.get(name, 0)
        if name in self.days:
            return _is_day(value)
        return len(value) <= self.longest.get(name, _LONGEST) and "\x00" not in value


def _is_day(value: str) -> bool:
    try:
        return len(value) == 10 and (day := parse_date(value)) is not None and 2000 <= day.year <= 2100
    except ValueError:
        return False


def shape_of(
    listing: Listing, choices: Mapping[str, Collection[str]], days: Collection[str], numbers: Collection[str]
) -> ListShape:
    """The parameters of a list's conditions, and those that only its page has."""
    own = tuple(listing.on_page())
    return ListShape(
        {**choices, **{each.page: each.choices for each in own if each.kind == "choice"}},
        texts=[each.page for each in own if each.kind == "text"],
        numbers=[*numbers, *(each.page for each in own if each.kind == "row")],
        several=[each.page for each in own if each.several],
        days=days,
        least={**dict.fromkeys(numbers, 1), **{each.page: each.least for each in own}},
        longest={each.page: each.longest for each in own},
    )


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What was asked for, as the page writes it again; none empty."""

    pairs: tuple[tuple[str, str], ...] = field(default=())

    def get(self, name: str) -> str:
        """The first value, or ""."""
        return next((value for key, value in self.pairs if key == name), "")

    def all(self, name: str) -> tuple[str, ...]:
        """Every value."""
        return tuple(value for key, value in self.pairs if key == name)

    def number(self, name: str) -> int | None:
        """As a number, if it is given."""
        return int(self.get(name)) if self.get(name) else None

    def values_of(self, listing: Listing) -> dict[str, Any]:
        """What is given of a list's conditions, as its filter takes it."""
        found = {}
        for each in listing.on_page():
            values: tuple[Any, ...] = self.all(each.page)
            values = tuple(map(int, values)) if each.kind == "row" else values
            if values:
                found[each.name] = values if each.several else values[0]
        return found

    @property
    def text(self) -> str:
        """As a query string."""
        return urlencode(self.pairs)

    @property
    def narrowed(self) -> bool:
        """Is there a condition beside the tab and the order?"""
        return any(name not in ("tab", "sort") for name, _ in self.pairs)

    def with_(self, **values: str) -> str:
        """The link to the same list with these instead; an empty one is left out."""
        kept = [pair for pair in self.pairs if pair[0] not in values]
        return "?" + urlencode([*kept, *((name, value) for name, value in values.items() if value)])

    def within(self, other: "ListQuery") -> "ListQuery":
        """The same list with the conditions of another one instead."""
        named = {name for name, _ in other.pairs}
        return ListQuery((*(pair for pair in self.pairs if pair[0] not in named), *other.pairs))

    def toggled(self, name: str, value: str) -> str:
        """The link to the same list with one more value of a parameter, or without it."""
        rest = [pair for pair in self.pairs if pair != (name, value)]
        return "?" + urlencode(rest if len(rest) < len(self.pairs) else [*self.pairs, (name, value)])


def read(given: QueryDict, shape: ListShape, beside: Iterable[str] = ("page", "export")) -> ListQuery:
    """Raises BadRequest for what the list does not have: a condition that is quietly dropped shows what nobody
    asked for. ``beside``: parameters of the page that are not the list's."""
    pairs = []
    for name in given:
        if name in beside:
            continue
        values = list(dict.fromkeys(value.strip() for value in given.getlist(name)))
        if name not in shape or len(values) > (MOST_VALUES if name in shape.several else 1):
            raise BadRequest(f"this list has no filter {name!r} of this kind")
        if not all(shape.takes(name, value) for value in values if value):
            raise BadRequest(f"this list has no {name} like this")
        pairs += [(name, value) for value in values if value]
    return ListQuery(tuple(pairs))


def page_of(rows: "QuerySet[M]", given: QueryDict) -> "Page[M]":
    """The page that was asked for."""
    pages: Paginator[M] = CappedPaginator(rows, PER_PAGE)
    return pages.get_page(given.get("page"))


def pieces(rows: "QuerySet[M]", size: int = 500) -> Iterator[list[M]]:
    """What is exported, with a few queries for each piece."""
    every = list(rows)
    return (every[start : start + size] for start in range(0, len(every), size))


def counted(pages: "Page[Any]") -> str:
    """How many there are, as it is said."""
    count = pages.paginator.count
    return f"{count}+" if count >= CappedPaginator.cap else str(count)


@dataclass(frozen=True, slots=True)
class Facet:
    """One way to narrow a list."""

    title: str
    links: tuple[ListLink, ...]


def options(labels: Mapping[str, str], chosen: str) -> list[ListLink]:
    """Of a select: the value instead of a link."""
    return [ListLink(label, value, value == chosen) for value, label in labels.items()]


def facet(
    title: str, query: ListQuery, name: str, labels: Mapping[str, str], counts: Mapping[str, int]
) -> Facet:
    """The values that there are, in the order of the labels, and those that are chosen."""
    chosen = query.all(name)
    links = (
        ListLink(label, query.toggled(name, value), value in chosen, str(counts.get(value, 0)))
        for value, label in labels.items()
        if counts.get(value) or value in chosen
    )
    return Facet(title, tuple(links))


def chips(
    query: ListQuery, titles: Mapping[str, str], words: Mapping[tuple[str, str], str]
) -> Sequence[ListLink]:
    """What restricts the list, each with the way to take it off."""
    return [
        ListLink(f"{titles[name]}：{words.get((name, value), value)}", query.toggled(name, value))
        for name, value in query.pairs
        if name in titles
    ]
