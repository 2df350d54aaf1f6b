"""A JSON event of any product, read by what its keys mean. The last of the formats: it only looks where no other claims a file.

How sure the reading is (0..100) stands in the description; below `CLAIM` an event is rejected and the reason says what is
missing. OCSF and ECS are read exactly.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from io import BytesIO
from itertools import accumulate
from typing import Any, Final

import ijson

from secops_agent.importers.base import BrokenRecord, Options, Source, convert, whole_outline
from secops_agent.importers.reading.documents import json_documents
from secops_agent.importers.reading.json_stream import LONG_NUMBER
from secops_agent.importers.reading.surrogates import paired
from secops_agent.importers.values.alert_fields import ObjectReader, Understood
from secops_agent.importers.values.alert_reading import read_alert
from secops_agent.importers.values.event_tables import CLAIM, SURE, EventTable, table_of_event
from secops_agent.importers.values.evidence import disclosed
from secops_agent.importers.values.fields import shortened, table_of
from secops_agent.services.records import AlertRecord, Item, Record

_LONGEST: Final = 7000  # of the event's own words in a description
_LOOKED_AT: Final = 3  # events of a head
_DEEPEST: Final = 60
_BRACKETS: Final = re.compile(rb"[\[\]{}]")


class Events:
    """Lines, arrays, single objects, and answers whose events stand in an array."""

    name = "events"
    title = "其他产品的 JSON 事件（按字段的含义读）"

    def sniff(self, head: bytes) -> float:
        """0.7 and more from `SURE` on, 0.5 from `CLAIM` on."""
        confidence = _sureness(head)
        return (
            confidence / 100
            if confidence < CLAIM
            else 0.5
            if confidence < SURE
            else max(0.7, confidence / 100)
        )

    def doubt(self, head: bytes) -> str:
        """Why nobody should take the first event for one without asking; "" where nothing is JSON, or nothing is doubtful."""
        event = next(iter(_beginning(head)), None)
        if not isinstance(event, dict):
            return ""
        table = table_of_event(event, Options())
        return _short_of(table, SURE) if table is None or table.confidence < SURE else ""

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        return convert(self.entries(source, options), lambda value: self._records(value, options))

    def entries(self, source: Source, options: Options) -> Iterator[tuple[str, Any]]:
        """Position and object of each event."""
        for position, value in json_documents(source, options.limits):
            inner = _array_in(value)
            if inner is None:
                yield position, value
            else:
                key, items = inner
                yield from ((f"{position}.{key}[{number}]", item) for number, item in enumerate(items))

    def explain(self, value: Any, options: Options) -> Understood:
        """One event, and what was taken from where."""
        record, reader = self._read(value, options)
        return Understood(record, tuple(reader.taken), reader.unused())

    def _read(self, value: Any, options: Options) -> tuple[AlertRecord, ObjectReader]:
        event = disclosed(table_of(value))
        table = table_of_event(event, options)
        if table is None or table.confidence < CLAIM:
            raise BrokenRecord(_short_of(table, CLAIM))
        reader = ObjectReader(table.fields)
        record = read_alert(reader, table.table, options.source or self.name, options)
        title = shortened(" ".join(record.title.split()), 200)
        told = "\n".join(filter(None, (shortened(record.description, _LONGEST), _told(table, reader))))
        return replace(record, title=title, rule_name=title, description=told, raw=event), reader

    def _records(self, value: Any, options: Options) -> Iterator[Record]:
        yield self._read(value, options)[0]


def _short_of(table: EventTable | None, needed: int) -> str:
    """ "按事件读把握 45，要 60：没有级别、时间"."""
    if table is None:
        return "不像安全事件：没有可以作标题的字段（规则、告警、事件或操作的名称）"
    missing = "、".join(table.missing)
    return f"不像安全事件，把握 {table.confidence}，要 {needed}" + (f"：没有{missing}" if missing else "")


def _told(table: EventTable, reader: ObjectReader) -> str:
    """ "按字段的含义读出（把握 85）：标题 ← rule.name，级别 ← severity"."""
    first = {item.name: item.path for item in reversed(reader.taken)}
    parts = [f"{name} ← {first[name]}" for name in ("标题", "级别", "时间") if name in first]
    return f"按字段的含义读出（把握 {table.confidence}）：{'，'.join(parts)}" + (
        "" if table.stated else "；没有写级别"
    )


def _confidence(event: Any) -> int:
    table = table_of_event(event, Options()) if isinstance(event, dict) else None
    return table.confidence if table else 0


def _array_in(value: Any) -> tuple[str, list[Any]] | None:
    """The array of events in an answer that is no event itself."""
    if not isinstance(value, dict) or len(value) > 30:
        return None
    places = [(key, inner) for key, inner in value.items() if isinstance(inner, list | dict)]
    places += [
        (f"{key}.{name}", inner)
        for key, outer in places
        if isinstance(outer, dict)
        for name, inner in outer.items()
    ]
    arrays = [
        (key, items)
        for key, items in places
        if isinstance(items, list) and items and all(isinstance(each, dict) for each in items)
    ]
    if (
        not arrays
        or _confidence({key: inner for key, inner in value.items() if not isinstance(inner, list | dict)})
        >= CLAIM
    ):
        return None
    key, items = max(arrays, key=lambda each: _confidence(each[1][0]))
    return (key, items) if _confidence(items[0]) >= SURE else None


@lru_cache(maxsize=1)
def _sureness(head: bytes) -> int:
    """The middle one of the first events'."""
    found = sorted(map(_confidence, _beginning(head)))
    return found[len(found) // 2] if found else 0


def _beginning(head: bytes) -> tuple[Any, ...]:
    """The first events of the head, as far as they are whole."""
    if not head.lstrip().startswith((b"{", b"[")) or LONG_NUMBER.search(head) or _is_deep(head):
        return ()
    found: list[Any] = []
    for path in _ways(head):
        with suppress(ijson.JSONError, RecursionError):
            for value in ijson.items(BytesIO(paired(head)), path, multiple_values=True):
                found += inner[1] if (inner := _array_in(value)) else [value]
                if len(found) >= _LOOKED_AT:
                    break
        if found:
            break
    return tuple(found[:_LOOKED_AT])


def _is_deep(head: bytes) -> bool:
    """Nested deeper than any event: the path of a value grows with its depth, and all of them are kept."""
    steps = (1 if bracket in b"[{" else -1 for bracket in _BRACKETS.findall(head))
    return any(depth > _DEEPEST for depth in accumulate(steps))


def _ways(head: bytes) -> Iterator[str]:
    """Whole documents, elements of the array, then elements of an array in a document that is cut."""
    yield "item" if head.lstrip().startswith(b"[") else ""
    arrays = sorted({path for path in whole_outline(head) if path.endswith(".item")}, key=len)
    yield from arrays[:5]


IMPORTER = Events()
__all__ = ["IMPORTER", "Events"]
