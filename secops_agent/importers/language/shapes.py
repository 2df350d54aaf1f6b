"""Shapes of a sample: how it is written, as the beginning of a table says it, and its first records."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from itertools import islice
from typing import Any, Final

import ijson

from bifang.core.errors import InvalidInput
from secops_agent.importers.base import Options, Source, whole_outline
from secops_agent.importers.reading.documents import delimiter_of, header_line
from secops_agent.importers.values.event_tables import CLAIM, MOST_POINTS, EventTable, table_of_event
from secops_agent.importers.values.fields import canonical_ip
from secops_agent.importers.values.table_importer import TableImporter, carried

from .inputs import LONGEST_LINE, pairs_in
from .table_files import read_table
from .toml_text import toml_text

LOOKED_AT: Final = 200  # records
_LINES: Final = 50
_ARRAYS: Final = 8  # places where the records may stand
_ELEMENT: Final = re.compile(rb"<(?:[\w.-]+:)?([A-Za-z_][\w.-]*)[\s>/]")
_PARTED: Final = ("|!", "||", "|", "\t", "^", "~", ";", ",")
_LEAST: Final = 3  # columns, pairs, parts: fewer say nothing
_MOST: Final = 90
_WORD: Final = re.compile(r"[^\W\d][\w.:\[\]-]{2,60}")
_MARKUP: Final = re.compile(rb"<[?!A-Za-z]")
UNKNOWN: Final = "看不出样例是怎样写的：可以是 JSON（一条、一个列表、每行一条，或一行日志里的一段）、有表头的 CSV、XML、键=值，或用 | 一类字符隔开的行。"
UNTITLED: Final = "threat_name"
Shape = dict[str, Any]


def shape_of(source: Source) -> tuple[Shape, list[dict[str, Any]]]:
    """What a table begins with (input, each, line), and the records that it finds. Raises InvalidInput."""
    head = source.head()
    for shape in _shapes(source, head):
        found = records_of(source, shape)
        if found:
            return shape, found
    raise InvalidInput(UNKNOWN)


def records_of(source: Source, shape: Shape, most: int = LOOKED_AT) -> list[dict[str, Any]]:
    """The first records that a table of this shape reads."""
    found: list[dict[str, Any]] = []
    with suppress(InvalidInput):
        for _, value in islice(bare(shape).entries(source, Options()), most):
            found += [value] if isinstance(value, dict) and value else []
    return found


def bare(shape: Shape) -> TableImporter:
    """A table that has a shape and nothing else."""
    return read_table(toml_text({"name": "样例", **shape, "tell": ["?"], "fields": {"title": "?"}})).importer


def _shapes(source: Source, head: bytes) -> Iterator[Shape]:
    """The likeliest first."""
    start = head.lstrip()
    if start.startswith((b"{", b"[")) or _is_json(carried(head)):
        yield from _json_shapes(source, head)
    elif _MARKUP.match(start):
        yield from _xml_shapes(head)
    else:
        lines = [line for line in head.decode("utf-8", "replace").splitlines()[:_LINES] if line.strip()]
        lines = [line for line in lines if len(line) < LONGEST_LINE]
        if sum(len(pairs_in(line) or ()) >= _LEAST for line in lines) * 2 > len(lines):
            yield {"input": "pairs"}
        if _has_header(head, lines):
            yield {"input": "csv"}
        yield from _line_shapes(lines)


def _is_json(text: bytes) -> bool:
    with suppress(ijson.JSONError, StopIteration):
        return isinstance(next(ijson.items(BytesIO(text), "", multiple_values=True)), dict)
    return False


def _json_shapes(source: Source, head: bytes) -> Iterator[Shape]:
    """Where the records stand: the document itself, unless an array in it looks more like events than what is around it."""
    if not head.lstrip().startswith((b"{", b"[")):
        yield {}
        return
    outline = whole_outline(head)
    arrays = sorted(
        {
            path
            for path in outline
            if path.endswith(".item") and any(other.startswith(f"{path}.") for other in outline)
        },
        key=len,
    )
    places = [_each(path) for path in arrays[:_ARRAYS] if path != "item"]
    first = {place: records_of(source, {"each": place}, 1) for place in dict.fromkeys(places)}
    sure = {place: _sureness(found[0]) for place, found in first.items() if found}
    around = _sureness(_around(head))
    better = [place for place in sure if sure[place] > around and around < CLAIM]
    yield from ({"each": place} for place in sorted(better, key=lambda place: -sure[place]))
    yield {}
    yield from ({"each": place} for place in sure if place not in better)


def _each(path: str) -> str:
    """ "item.data.events.item" → "data.events[]"."""
    return path.removeprefix("item.").replace(".item.", "[].").removesuffix(".item") + "[]"


def _sureness(event: dict[str, Any]) -> int:
    """Without the points of a title where nothing could be one."""
    if titled := table_of_event(event, Options()):
        return titled.confidence
    found = event_table(event)
    return found.confidence - MOST_POINTS if found else 0


def event_table(event: dict[str, Any]) -> EventTable | None:
    """What an event's keys mean; where nothing could be a title, as if there were one, which it then does not have."""
    return table_of_event(event, Options()) or table_of_event({**event, UNTITLED: UNTITLED}, Options())


def _around(head: bytes) -> dict[str, Any]:
    """What stands in the first object itself, not in an array or object of it."""
    found: dict[str, Any] = {}
    with suppress(ijson.JSONError):
        for path, event, value in ijson.parse(BytesIO(head), multiple_values=True):
            name = path.removeprefix("item.")
            if name in found or len(found) > _MOST:
                break
            if event in ("string", "number") and name and "." not in name:
                found[name] = value
    return found


def _xml_shapes(head: bytes) -> Iterator[Shape]:
    """Of the elements that occur most often, those that hold most."""
    counts = Counter(name.decode() for name in _ELEMENT.findall(head))
    found = {}
    for name, count in counts.most_common(_ARRAYS * 2):
        shape = {"input": "xml", "each": name}
        records = records_of(Source.from_bytes(head), shape, 1) or [{}]
        found[name] = len(records[0]) if count > 1 or len(counts) < _LEAST * 4 else 0
    yield from (
        {"input": "xml", "each": name}
        for name in sorted(found, key=lambda each: -found[each])
        if found[name] >= _LEAST
    )


def _has_header(head: bytes, lines: list[str]) -> bool:
    """Short words, each once, none of them a number or an address; and rows below of as many cells."""
    rows = list(csv.reader([header_line(head), *lines[1:2]], delimiter=delimiter_of(head)))
    if len(rows) < 2 or not _LEAST <= len(rows[0]) == len(rows[1]):
        return False
    names = [cell.strip() for cell in rows[0]]
    bad = any(not name or len(name) > 60 or name[0].isdigit() or canonical_ip(name) for name in names)
    return not bad and len(set(names)) == len(names)


def _line_shapes(lines: list[str]) -> Iterator[Shape]:
    """Lines that one separator cuts into as many parts each. What the first part ends with in all of them is how they are told."""
    for mark in _PARTED:
        counts = Counter(line.count(mark) for line in lines)
        count, times = counts.most_common(1)[0] if counts else (0, 0)
        if not _LEAST <= count + 1 <= _MOST or times * 5 < len(lines) * 4:
            continue
        rows = [line.split(mark) for line in lines if line.count(mark) == count]
        ends = {row[0].rpartition(" ")[2] for row in rows}
        first = next(iter(ends)) if len(ends) == 1 and len(rows) >= _LEAST else ""
        parts = [
            first if _WORD.fullmatch(first) else "{f1}",
            *(f"{{f{number}}}" for number in range(2, count + 2)),
        ]
        yield {"line": mark.join(parts)}
        return
