"""Table importer: one that is nothing but tables of fields; recognises, finds the records, reads them one by one."""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import islice
from typing import Any, Protocol

from bifang.core.errors import InvalidInput
from secops_agent.importers.base import (
    BrokenRecord,
    ImportLimits,
    Options,
    Source,
    convert,
    document_outline,
    whole_outline,
)
from secops_agent.importers.reading.documents import json_documents, json_lines, json_values
from secops_agent.importers.reading.quoted_pairs import pairs_of
from secops_agent.services.records import AlertRecord, Item, Record

from .alert_fields import AlertTable, ObjectReader, Understood, reaches
from .alert_reading import read_alert
from .evidence import disclosed
from .fields import Table, table_of

_LINES_LOOKED_AT = 20
_ARRAY_STEP = re.compile(r"\.item(?=\.|$)")
_JSON = (b"{", b"[")


class RecordInput(Protocol):
    """How a file that is no JSON becomes objects."""

    def entries(self, source: Source, limits: ImportLimits) -> Iterator[tuple[str, Any]]:
        """Position and object of each record, or a BrokenRecord in its place."""
        ...


@dataclass(frozen=True)
class TableImporter:
    """JSON lines, arrays, single objects, answers of an API, and logs whose lines carry JSON behind a header.

    ``lists``: where the records stand in an answer ("Response.MalWareList"). ``inner``: a key under which the
    record itself stands. ``pairs``: with what the key="value" pairs begin in its log lines that have no JSON.
    ``input``: of what is no JSON at all.
    """

    name: str
    title: str
    tables: tuple[AlertTable, ...]
    lists: tuple[str, ...] = ()
    inner: str = ""
    pairs: bytes = b""
    input: RecordInput | None = None

    def sniff(self, head: bytes) -> float:
        """Sure when one record shows every mark of one table."""
        if self.input:
            return 0.0 if head.lstrip().startswith(_JSON) else self._sniff_other(self.input, head)
        paths = _paths_of(carried(head, self.pairs))
        for place in ("", *(_ARRAY_STEP.sub("", place) for place in self.lists)):
            for prefix in (place, ".".join(filter(None, (place, self.inner)))):
                if any(all(_below(prefix, mark) in paths for mark in table.marks) for table in self.tables):
                    return 1.0
        return 0.0

    def _sniff_other(self, input: RecordInput, head: bytes) -> float:
        """By the first records of the head; where it is cut, what stands before counts."""
        with suppress(InvalidInput):
            for _, value in islice(input.entries(Source.from_bytes(head), ImportLimits()), _LINES_LOOKED_AT):
                if isinstance(value, dict) and any(
                    all(reaches(value, mark) for mark in table.marks) for table in self.tables
                ):
                    return 1.0
        return 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        """Alerts in file order, and what was refused."""
        return convert(self.entries(source, options), partial(self._records, options=options))

    def entries(self, source: Source, options: Options) -> Iterator[tuple[str, Any]]:
        """Position and object of each record."""
        if self.input:
            return self.input.entries(source, options.limits)
        head = source.head(options.limits)
        if not head.lstrip().startswith(_JSON):
            return json_lines(source, options.limits, carried=True, pairs=self.pairs)
        paths = whole_outline(head)
        places = {f"{path}.item" for path in paths if path.removeprefix("item.") in self.lists}
        if places:
            found = json_values(source, places, options.limits, {})
            return ((position, value) for _, position, value in found)
        return json_documents(source, options.limits)

    def read(self, value: Any, options: Options) -> AlertRecord:
        """One record by itself. Raises BrokenRecord that names the field."""
        return self._read(value, options)[0]

    def explain(self, value: Any, options: Options) -> Understood:
        """One record, and what was taken from where."""
        record, reader = self._read(value, options)
        return Understood(record, tuple(reader.taken), reader.unused())

    def _read(self, value: Any, options: Options) -> tuple[AlertRecord, ObjectReader]:
        data = table_of(value)
        inner = data.get(self.inner)
        reader = ObjectReader(disclosed(table_of(inner) if isinstance(inner, dict) else data))
        table = self._table(reader.data)
        record = read_alert(reader, table, options.source or self.name, options)
        return record if table.event else replace(record, event_id=_digest(reader.data)), reader

    def _records(self, value: Any, *, options: Options) -> Iterator[Record]:
        yield self.read(value, options)

    def _table(self, data: Table) -> AlertTable:
        """The table whose marks the object shows; of none, the nearest one's missing marks are named."""
        missing = [[mark for mark in table.marks if not reaches(data, mark)] for table in self.tables]
        fewest = min(range(len(missing)), key=lambda place: len(missing[place]))
        if not missing[fewest]:
            return self.tables[fewest]
        if len(missing[fewest]) < len(self.tables[fewest].marks):
            raise BrokenRecord(f"缺少字段「{'」「'.join(missing[fewest])}」，不是完整的 {self.name} 记录")
        raise BrokenRecord(f"不是 {self.name} 的记录：没有它的任何字段")


def _digest(data: Table) -> str:
    """Names the single event of a source that has no name for it: read again, it is the same."""
    written = json.dumps(data, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.blake2b(written.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _below(prefix: str, path: str) -> str:
    return f"{prefix}.{path}" if prefix else path


@lru_cache(maxsize=2)
def _paths_of(head: bytes) -> frozenset[str]:
    """The paths of the head as tables write them, through arrays."""
    return frozenset(_ARRAY_STEP.sub("", path) for path in document_outline(head))


def carried(head: bytes, pairs: bytes = b"") -> bytes:
    """The JSON of the first lines of a log, each from its first brace; what is JSON already stays as it is."""
    if head.lstrip().startswith(_JSON):
        return head
    return b"\n".join(filter(None, (_carried(line, pairs) for line in head.splitlines()[:_LINES_LOOKED_AT])))


def _carried(line: bytes, pairs: bytes) -> bytes:
    if pairs and pairs in line:
        found = pairs_of(line, pairs)
        if isinstance(found, BrokenRecord) or not any(
            found.values()
        ):  # in a cell of CSV each quote is doubled
            return b""
        return json.dumps(found).encode()
    return line[line.index(b"{") :] if b"{" in line else b""
