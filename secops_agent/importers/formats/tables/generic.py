"""Our own exchange format, documented in docs/generic-format.md: for what has no importer of its own.

One document with a list per kind, or records with ``"record"``: JSON lines, or an array of them.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

from secops_agent.importers.base import BrokenRecord, Importer, Once, Options, Source, convert, whole_outline
from secops_agent.importers.reading.documents import json_head, json_lines, json_parts, json_values
from secops_agent.importers.values.fields import Table, need, table_of
from secops_agent.services.records import Item, Record, Rejected, ScanRecord

from .generic_parts import Context
from .generic_records import FIELDS, read_record

_LISTS = ("assets", "components", "vulnerabilities", "findings", "alerts", "scans")
_SINGULAR = {
    "asset": "assets", "component": "components", "vulnerability": "vulnerabilities",
    "finding": "findings", "alert": "alerts", "scan": "scans",
}  # fmt: skip
_ROOT_FIELDS = {*_LISTS, "source", "format", "version", ""}


class Generic:
    """Bifang's own JSON."""

    name = "generic"
    title = "毕方通用格式（JSON / JSONL）"

    def sniff(self, head: bytes) -> float:
        paths = whole_outline(head)
        if "format" in paths and b'"bifang"' in head:
            return 1.0
        if _is_lines(head) or "item.record" in paths:
            return 0.7
        top = {path for path in paths if "." not in path}
        if not top & set(_LISTS) or not top <= _ROOT_FIELDS:
            return 0.0
        return 0.7 if _has_our_fields(paths) else 0.5

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        once = Once()
        whole = True
        for part, position, value, context in _parts(source, options):
            for item in convert([(position, value)], partial(_record, part=part, context=context)):
                whole = whole and not isinstance(item, Rejected)
                if whole or not isinstance(item, ScanRecord):
                    yield from once(item)


def _has_our_fields(paths: frozenset[str]) -> bool:
    """Whether most fields of the lists' items are ours: many a tool calls its list "findings" or "vulnerabilities"."""
    items = [path.split(".item.", 1) for path in paths if path.count(".") == 2 and ".item." in path]
    ours = sum(name in FIELDS.get(part, ()) for part, name in items)
    return bool(items) and (len(items) - ours) * 4 <= len(items)


def _is_lines(head: bytes) -> bool:
    return "record" in whole_outline(head) and head.lstrip().partition(b"\n")[0].rstrip().endswith(b"}")


def _parts(source: Source, options: Options) -> Iterator[tuple[str, str, Any, Context]]:
    head = source.head(options.limits)
    if _is_lines(head):
        context = Context(options.source or "generic", options)
        for position, value in json_lines(source, options.limits):
            yield "", position, value, context
        return
    if "item.record" in whole_outline(head):
        context = Context(options.source or "generic", options)
        for _, position, value in json_values(source, {"item"}, options.limits):
            yield "", position, value, context
        return
    pieces, _ = json_head(source, {"source"}, options.limits)
    named = [value[:200] for _, _, value in pieces if isinstance(value, str)]
    context = Context(options.source or next(iter(named), "") or "generic", options)
    for path, position, value in json_parts(source, [f"{part}.item" for part in _LISTS], options.limits):
        yield path.removesuffix(".item"), position, value, context


def _record(value: Any, *, part: str, context: Context) -> Iterator[Record]:
    data = table_of(value)
    if not part:
        part, data = _line_part(data)
    yield from read_record(part, data, context)


def _line_part(data: Table) -> tuple[str, Table]:
    kind = need(data, "record")
    if kind not in _SINGULAR:
        raise BrokenRecord(f"「record」应当是 {'、'.join(_SINGULAR)} 之一，实际是 {kind[:40]}")
    rest = {key: value for key, value in data.items() if key not in ("record", "format", "version")}
    return _SINGULAR[kind], rest


IMPORTER: Importer = Generic()
__all__ = ["IMPORTER", "Generic"]
