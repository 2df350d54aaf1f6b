"""JSON paths: values at several paths of one text, picked from parser events; a path that ends short is named."""

from collections.abc import Iterator, Mapping
from typing import Any

import ijson

from .plain import EMPTY, BrokenRecord, cleaned
from .source import Stream

Pieces = Iterator[tuple[str, str, Any]]
Event = tuple[str, Any]
STARTS = frozenset(("start_map", "start_array"))
ENDS = frozenset(("end_map", "end_array"))
_NO_ARRAY = "应当是数组，里面的内容没有读"
_NO_OBJECT = "应当是 JSON 对象，里面的内容没有读"


class Walk:
    """Follows parser events, knows the path, builds what is wanted and skips what holds nothing wanted.

    ``holders`` as of `json_values`.
    """

    def __init__(
        self, wanted: frozenset[str], stream: Stream, holders: Mapping[str, str] | None = None
    ) -> None:
        self._wanted = wanted
        self._stream = stream
        self._ways = {way for path in wanted for way in _ancestors(path)}
        self._holders = holders or {}
        lists = (
            (*self._holders, *(path for path in wanted if path.endswith(".item")))
            if holders is not None
            else ()
        )
        self._lists = {path.removesuffix("item").removesuffix(".") for path in lists} - {""}
        self._open: list[set[str]] = []  # of each holder that is open: the key it needs, "" for any others
        self._paths: list[str] = [""]
        self._places: list[str | int | None] = []
        self._documents = 0

    def run(self, events: Iterator[Event]) -> Pieces:
        """Consume events; yield wanted values, and a BrokenRecord for what should hold some."""
        for event, value in events:
            if event == "map_key":
                base = self._paths[-2]
                self._paths[-1] = f"{base}.{value}" if base else value
                self._places[-1] = value
                if base in self._holders:
                    self._open[-1].add(value if value == self._holders[base] else "")
            elif event in ENDS:
                self._places.pop()
                self._paths.pop()
                yield from self._close(event)
            else:
                self._count()
                yield from self._take(event, value, events)

    def _take(self, event: str, value: Any, events: Iterator[Event]) -> Pieces:
        path = self._paths[-1]
        if path in self._wanted:
            self._stream.begin_record()
            built = _build(event, value, events)
            self._stream.end_record()
            yield path, self._position(), cleaned(built)
            return
        wrong = self._wrong(path, event, value)
        if wrong:
            yield path, self._position(), BrokenRecord(wrong)
        if event in STARTS:
            self._descend(event, path, events, dead=bool(wrong))

    def _wrong(self, path: str, event: str, value: Any) -> str:
        """Why nothing can stand in this value; "" if something may."""
        if path in self._holders and event != "start_map":
            return EMPTY if value in (None, "") and event not in STARTS else _NO_OBJECT
        return _NO_ARRAY if path in self._lists and event not in ("start_array", "null") else ""

    def _close(self, event: str) -> Pieces:
        """A holder ends: had it what it cannot go without?"""
        path = self._paths[-1]
        if event != "end_map" or path not in self._holders:
            return
        keys, needed = self._open.pop(), self._holders[path]
        if not keys or (needed and needed not in keys):
            yield (
                path,
                self._position(),
                BrokenRecord(f"缺少「{needed}」，没有结果可以导入" if keys else EMPTY),
            )

    def _count(self) -> None:
        if not self._places:
            self._documents += 1
        elif isinstance(self._places[-1], int):
            self._places[-1] += 1

    def _descend(self, event: str, path: str, events: Iterator[Event], *, dead: bool) -> None:
        if dead or path not in self._ways:
            _skip(events)
        elif event == "start_map":
            self._places.append(None)
            self._paths.append(path)
            if path in self._holders:
                self._open.append(set())
        else:
            self._places.append(-1)
            self._paths.append(f"{path}.item" if path else "item")

    def _position(self) -> str:
        text = ""
        for place in self._places:
            text += f"[{place}]" if isinstance(place, int) else f".{place}" if text else f"{place}"
        return text or f"第 {self._documents} 个文档"


def _build(event: str, value: Any, events: Iterator[Event]) -> Any:
    if event not in STARTS:
        return value
    builder = ijson.ObjectBuilder()
    builder.event(event, value)
    depth = 1
    for event, value in events:
        builder.event(event, value)
        if event in STARTS:
            depth += 1
        elif event in ENDS:
            depth -= 1
            if not depth:
                break
    return builder.value


def _skip(events: Iterator[Event]) -> None:
    depth = 1
    for event, _ in events:
        if event in STARTS:
            depth += 1
        elif event in ENDS:
            depth -= 1
            if not depth:
                return


def _ancestors(path: str) -> Iterator[str]:
    while path:
        path = path.rpartition(".")[0]
        yield path
