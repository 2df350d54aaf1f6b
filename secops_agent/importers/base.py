"""Importer: its type, and what all of them share."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import lru_cache
from io import BytesIO
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import ijson

from secops_agent.importers.reading.decoding import BrokenFile
from secops_agent.importers.reading.json_stream import LONG_NUMBER
from secops_agent.importers.reading.json_walk import ENDS, STARTS
from secops_agent.importers.reading.limits import ImportLimits
from secops_agent.importers.reading.plain import EMPTY, BrokenRecord
from secops_agent.importers.reading.source import Source
from secops_agent.importers.reading.surrogates import paired
from secops_agent.services.records import AssetRecord, Item, Record, Rejected

__all__ = [
    "EMPTY",
    "BrokenFile",
    "BrokenRecord",
    "ImportLimits",
    "Importer",
    "Item",
    "Once",
    "Options",
    "Record",
    "Rejected",
    "Source",
    "convert",
    "document_outline",
    "whole_outline",
]  # fmt: skip
_NOTHING: tuple[Any, ...] = (None, "", {}, [])
_DEEPEST = ImportLimits().max_depth  # of the head; what is nested deeper is refused when it is read
# Of the paths of an outline. The longest that an importer asks for has seven steps.
_DEEPEST_PATH, _LONGEST_PATH, _MOST_PATHS = 12, 200, 5000


@dataclass(frozen=True, slots=True)
class Options:
    """Choices of one import.

    ``asset``: to which findings belong whose file names no asset (SARIF, a directory scan). ``source``: another
    name for the tool, so that two installations do not mix. ``zone``: of times without one. ``received_at``: the
    time of what carries no time of its own.
    """

    asset: AssetRecord | None = None
    source: str = ""
    zone: tzinfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))
    received_at: datetime | None = None
    limits: ImportLimits = field(default_factory=ImportLimits)


class Importer(Protocol):
    """One source format. Instances hold no state between calls."""

    name: str
    title: str

    def sniff(self, head: bytes) -> float:
        """How sure (0..1) the first 64 KiB (UTF-8, perhaps cut) are of this format; 0.5 and more is a claim."""
        ...

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        """Records in file order, and what was refused. Raises InvalidInput; BrokenFile after the last good one."""
        ...


def convert(items: Iterable[tuple[str, Any]], read: Callable[[Any], Iterable[Record]]) -> Iterator[Item]:
    """Read item by item; an item is taken whole or rejected with its position."""
    for position, item in items:
        try:
            if item in _NOTHING:
                raise BrokenRecord(EMPTY)
            if isinstance(item, BrokenRecord):
                raise item
            records = tuple(read(item))
        except BrokenRecord as error:
            yield Rejected(position, error.message)
        else:
            yield from records


class Once:
    """Lets each record through once, remembering at most ``size`` of them (by hash)."""

    def __init__(self, size: int = 200_000) -> None:
        self._seen: set[int] = set()
        self._size = size

    def __call__(self, *items: Item) -> Iterator[Item]:
        for record in items:
            mark = hash(record)
            if mark not in self._seen:
                if len(self._seen) < self._size:
                    self._seen.add(mark)
                yield record


def convert_once(
    items: Iterable[tuple[str, Any]], read: Callable[[Any, Counter[str]], Iterable[Record]], noted: str
) -> Iterator[Item]:
    """As `convert`, each record once; ``read`` counts what is not worth a record, and one line says how many, ``noted`` what they are."""
    counted: Counter[str] = Counter()
    once = Once()
    for item in convert(items, lambda one: read(one, counted)):
        yield from once(item)
    if counted:
        yield Rejected("信息项", f"共 {counted.total()} 条只是扫描器的{noted}，没有导入。")


@lru_cache(maxsize=2)
def whole_outline(head: bytes) -> frozenset[str]:
    """The JSON paths that occur in the head, as ijson writes them ("matches.item.vulnerability", "item.id").

    Of JSON lines with a broken first line, the next good one counts. What no format asks for is left out (far down,
    long names), so what is kept, and cached for the next importer that looks, is small whatever the head is like.
    """
    paths = _paths(head)
    lines = head.splitlines()[1:20]
    while len(paths) < 3 and lines:
        paths |= _paths(lines.pop(0))
    return frozenset(paths)


def _paths(head: bytes) -> set[str]:
    outline = _Outline()
    if LONG_NUMBER.search(head):
        return outline.paths
    # Where the head is cut, or is not JSON at all: what was seen is the answer.
    with suppress(ijson.JSONError):
        for event, value in ijson.basic_parse(BytesIO(paired(head)), multiple_values=True):
            outline.follow(event, value)
            if len(outline.places) > _DEEPEST or len(outline.paths) > _MOST_PATHS:
                break
    return outline.paths


class _Outline:
    """Follows parser events. ``places``: the path of what comes next in each open container, None if of no use."""

    def __init__(self) -> None:
        self.places: list[str | None] = [""]
        self.paths: set[str] = set()

    def follow(self, event: str, value: Any) -> None:
        """Note the path of the value that begins with this event."""
        if event == "map_key":
            self.places[-1] = self._below(self.places[-2], value)
        elif event in ENDS:
            self.places.pop()
        else:
            path = self.places[-1]
            if path is not None:
                self.paths.add(path)
            if event in STARTS:
                self.places.append(self._below(path, "item") if event == "start_array" else None)

    def _below(self, above: str | None, name: str) -> str | None:
        if above is None or len(self.places) > _DEEPEST_PATH or len(above) + len(name) > _LONGEST_PATH:
            return None
        return f"{above}.{name}" if above else name


@lru_cache(maxsize=2)
def document_outline(head: bytes) -> frozenset[str]:
    """`whole_outline` of one document: an array's elements and JSON lines look the same ("id", not "item.id")."""
    paths = whole_outline(head)
    if head.lstrip().startswith(b"["):
        return frozenset(path.removeprefix("item").removeprefix(".") for path in paths)
    return paths
