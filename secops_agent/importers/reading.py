"""Reading JSON, JSON lines, CSV and XML piece by piece, within limits. Positions are for people: "matches[3]"."""

import csv
import io
import json
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import accumulate
from typing import Any, BinaryIO, NoReturn, cast
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

import ijson
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, iterparse

from bifang.core.errors import InvalidInput

from .source import BrokenFile, Limits, Source

Pieces = Iterator[tuple[str, str, Any]]
_IGNORED = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STARTS = frozenset(("start_map", "start_array"))
_ENDS = frozenset(("end_map", "end_array"))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_STRING_REST = re.compile(rb"(?:[^\"\\]++|\\.)*+", re.DOTALL)
_LONG_NUMBER = re.compile(rb"\d{1000}")  # the parser's C code fails badly beyond 4300 digits
_SUSPECT = re.compile(rb"\\u0000|\\u[dD][89a-fA-F]|[eE]\+?\d{3}|\d{400}|NaN|Infinity")
_TOO_DEEP = "嵌套太深（超过 {} 层），像是恶意构造的文件，已停止导入。"


class BrokenRecord(InvalidInput):
    """One record cannot be taken; the rest of the file can."""


def json_values(source: Source, wanted: Collection[str], limits: Limits) -> Pieces:
    """Stream ``(path, position, value)`` for every complete value at a wanted path.

    Paths are ijson's ("Results.item.Vulnerabilities.item", "" for a whole document); positions are as in
    "Results[0].Vulnerabilities[12]". A value below a wanted path is not sent again. Several documents one after
    the other are all read. Raises InvalidInput (limits, not JSON at the start) or BrokenFile (breaks later).
    """
    with source.open(limits) as stream:
        shallow = _Shallow(stream, limits)
        with _json_errors(shallow, source.name):
            if len(wanted) == 1 and all(path.count("item") == path.endswith("item") for path in wanted):
                yield from _array_values(shallow, *wanted)
            else:
                yield from _Walk(frozenset(wanted)).run(ijson.basic_parse(shallow, multiple_values=True))


def _array_values(stream: "_Shallow", path: str) -> Pieces:
    """The elements of one array, built in C: five times as fast as `_Walk`."""
    place = path.removesuffix("item").removesuffix(".")
    for index, value in enumerate(ijson.items(stream, path, multiple_values=True)):
        position = f"{place}[{index}]" if path.endswith("item") else place or f"第 {index + 1} 个文档"
        yield path, position, cleaned(value)


@contextmanager
def _json_errors(stream: "_Shallow", name: str) -> Iterator[None]:
    try:
        yield
    except ijson.JSONError as error:
        raise BrokenFile(
            f"{name} 的 JSON 在第 {stream.taken} 字节之前中断或有语法错误（{_plain(error)}）：文件可能被截断，请重新导出。"
        ) from error


def _plain(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:120] if str(error).strip() else "无法解析"


class _Walk:
    """Follows parser events, knows the path, builds what is wanted and skips what holds nothing wanted."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self._wanted = wanted
        self._ways = {way for path in wanted for way in _ancestors(path)}
        self._paths: list[str] = [""]
        self._places: list[str | int | None] = []
        self._documents = 0

    def run(self, events: Iterator[tuple[str, Any]]) -> Pieces:
        """Consume events; yield wanted values."""
        for event, value in events:
            if event == "map_key":
                base = self._paths[-2]
                self._paths[-1] = f"{base}.{value}" if base else value
                self._places[-1] = value
            elif event in _ENDS:
                self._places.pop()
                self._paths.pop()
            else:
                self._count()
                path = self._paths[-1]
                if path in self._wanted:
                    yield path, self._position(), cleaned(_build(event, value, events))
                elif event in _STARTS:
                    self._descend(event, path, events)

    def _count(self) -> None:
        if not self._places:
            self._documents += 1
        elif isinstance(self._places[-1], int):
            self._places[-1] += 1

    def _descend(self, event: str, path: str, events: Iterator[tuple[str, Any]]) -> None:
        if path not in self._ways:
            _skip(events)
        elif event == "start_map":
            self._places.append(None)
            self._paths.append(path)
        else:
            self._places.append(-1)
            self._paths.append(f"{path}.item" if path else "item")

    def _position(self) -> str:
        text = ""
        for place in self._places:
            text += f"[{place}]" if isinstance(place, int) else f".{place}" if text else f"{place}"
        return text or f"第 {self._documents} 个文档"


def _build(event: str, value: Any, events: Iterator[tuple[str, Any]]) -> Any:
    if event not in _STARTS:
        return value
    builder = ijson.ObjectBuilder()
    builder.event(event, value)
    depth = 1
    for event, value in events:
        builder.event(event, value)
        if event in _STARTS:
            depth += 1
        elif event in _ENDS:
            depth -= 1
            if not depth:
                break
    return builder.value


def _skip(events: Iterator[tuple[str, Any]]) -> None:
    depth = 1
    for event, _ in events:
        if event in _STARTS:
            depth += 1
        elif event in _ENDS:
            depth -= 1
            if not depth:
                return


def _ancestors(path: str) -> Iterator[str]:
    while path:
        path = path.rpartition(".")[0]
        yield path


class _Shallow:
    """A stream that refuses JSON nested too deep or with endless strings before a parser builds it."""

    def __init__(self, stream: BinaryIO, limits: Limits) -> None:
        self._stream = stream
        self._limits = limits
        self._depth = 0
        self._text = 0
        self._in_text = False
        self._escaped = False
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        self.taken += len(chunk)
        self._follow(chunk)
        return chunk

    def _follow(self, chunk: bytes) -> None:
        rest = self._leave_text(chunk) if self._in_text else chunk
        if self._in_text:
            return
        open_rest = _STRING.sub(b"", rest)
        quote = open_rest.find(b'"')
        if quote >= 0:
            self._enter_text(open_rest[quote + 1 :])
            open_rest = open_rest[:quote]
        if _LONG_NUMBER.search(open_rest):
            raise InvalidInput("有一个数字超过 1000 位，已停止导入。")
        self._nest(open_rest.translate(None, _IGNORED))

    def _leave_text(self, chunk: bytes) -> bytes:
        start = 1 if self._escaped else 0
        self._escaped = False
        end = cast("re.Match[bytes]", _STRING_REST.match(chunk, start)).end() if start < len(chunk) else start
        self._text += end
        if self._text > self._limits.max_text:
            raise InvalidInput(f"有一个字符串超过 {self._limits.max_text} 字节，已停止导入。")
        if chunk[end : end + 1] == b'"':
            self._in_text = False
            return chunk[end + 1 :]
        self._escaped = chunk[end : end + 1] == b"\\"
        return b""

    def _enter_text(self, tail: bytes) -> None:
        self._in_text, self._text = True, len(tail)
        self._escaped = (len(tail) - len(tail.rstrip(b"\\"))) % 2 == 1

    def _nest(self, brackets: bytes) -> None:
        deepest = max(accumulate(map(_STEP.__getitem__, brackets), initial=self._depth))
        if deepest > self._limits.max_depth:
            raise InvalidInput(_TOO_DEEP.format(self._limits.max_depth))
        self._depth += 2 * (brackets.count(b"[") + brackets.count(b"{")) - len(brackets)


def json_lines(source: Source, limits: Limits) -> Iterator[tuple[str, Any]]:
    """Stream ``("第 12 行", value)`` of JSON lines; a line that cannot be read comes as a BrokenRecord value."""
    for position, line in text_lines(source, limits):
        if not isinstance(line, bytes):
            yield position, line
        elif line.strip():
            yield position, _json_line(line.strip(), limits)


def _json_line(line: bytes, limits: Limits) -> Any:
    if line.count(b"[") + line.count(b"{") > limits.max_depth and _depth(line) > limits.max_depth:
        return BrokenRecord(_TOO_DEEP.format(limits.max_depth))
    try:
        value = json.loads(line, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        return BrokenRecord("不是 UTF-8 编码")
    except (ValueError, RecursionError) as error:
        return BrokenRecord(f"不是有效的 JSON：{_plain(error)}")
    return cleaned(value) if _SUSPECT.search(line) else value


def _depth(line: bytes) -> int:
    brackets = _STRING.sub(b"", line).translate(None, _IGNORED)
    return max(accumulate(map(_STEP.__getitem__, brackets), initial=0))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} 不是 JSON 数值")


def text_lines(source: Source, limits: Limits) -> Iterator[tuple[str, "bytes | BrokenRecord"]]:
    """Stream ``("第 12 行", line)``; a line over ``max_text`` comes as a BrokenRecord and is skipped."""
    with source.open(limits) as stream:
        number = 0
        while line := stream.readline(limits.max_text + 1):
            number += 1
            if len(line) <= limits.max_text:
                yield f"第 {number} 行", line
                continue
            while line and not line.endswith(b"\n"):
                line = stream.readline(limits.max_text)
            yield f"第 {number} 行", BrokenRecord(f"这一行超过 {limits.max_text} 字节")


def json_documents(source: Source, limits: Limits) -> Iterator[tuple[str, Any]]:
    """Stream the objects of a file that is an array, JSON lines, one object, or pretty-printed objects in a row."""
    head = source.head(limits).lstrip()
    if head.startswith(b"["):
        return ((position, value) for _, position, value in json_values(source, {"item"}, limits))
    if _is_lines(head):
        return json_lines(source, limits)
    return ((position, value) for _, position, value in json_values(source, {""}, limits))


def _is_lines(head: bytes) -> bool:
    """A first line that closes is a value by itself; a line longer than the head is one as well."""
    first, newline, _ = head.partition(b"\n")
    return not newline or first.rstrip().endswith(b"}")


def csv_rows(source: Source, limits: Limits) -> Iterator[tuple[str, dict[str, str] | BrokenRecord]]:
    """Stream rows by header name (stripped). Lines that begin with # before the header are skipped.

    Too many cells: BrokenRecord; missing cells are "". Raises InvalidInput if there is no header.
    """
    with source.open(limits) as stream:
        reader = csv.reader(io.TextIOWrapper(stream, encoding="utf-8", errors="replace", newline=""))
        header = _header(reader, source.name)
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield f"第 {reader.line_num} 行", _row(header, cells)
        except csv.Error as error:
            raise BrokenFile(
                f"{source.name} 的 CSV 读不下去：{_plain(error)}", f"第 {reader.line_num} 行"
            ) from error


def _header(reader: Iterator[list[str]], name: str) -> list[str]:
    for cells in reader:
        if cells and not cells[0].startswith("#") and any(cell.strip() for cell in cells):
            return [cell.strip() for cell in cells]
    raise InvalidInput(f"{name} 没有表头：CSV 第一行应当是列名。")


def _row(header: list[str], cells: list[str]) -> dict[str, str] | BrokenRecord:
    if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
        return BrokenRecord(f"有 {len(cells)} 列，表头只有 {len(header)} 列")
    if any("\ufffd" in cell for cell in cells):
        return BrokenRecord("含有不是 UTF-8 的字节")
    padded = [*cells, *[""] * (len(header) - len(cells))]
    return {name: plain_text(cell).strip() for name, cell in zip(header, padded, strict=False)}


def xml_elements(source: Source, wanted: Collection[str], limits: Limits) -> Iterator[tuple[str, Element]]:
    """Stream complete elements whose local name is wanted, as ``("host[2]", element)``; outermost ones only.

    Namespaces stay in the tags of the element itself ("{uri}name"). Raises InvalidInput for entities, external
    references and nesting; BrokenFile where the XML breaks.
    """
    with source.open(limits) as stream:
        parser = DefusedXMLParser(target=TreeBuilder(), encoding="utf-8")
        try:
            yield from _elements(iterparse(stream, ("start", "end"), parser), wanted, limits)
        except DefusedXmlException as error:
            raise InvalidInput(
                f"{source.name} 含有 XML 实体或外部引用，可能是攻击文件，已拒绝导入。"
            ) from error
        except (ParseError, ValueError, LookupError) as error:
            raise BrokenFile(f"{source.name} 的 XML 有错误或被截断：{_plain(error)}") from error


def _elements(
    events: Iterator[tuple[str, Element]], wanted: Collection[str], limits: Limits
) -> Iterator[tuple[str, Element]]:
    counts: dict[str, int] = {}
    parents: list[Element] = []
    inside = 0
    for event, element in events:
        name = local_name(element.tag)
        if event == "start":
            if len(parents) >= limits.max_depth:
                raise InvalidInput(_TOO_DEEP.format(limits.max_depth))
            parents.append(element)
            inside += name in wanted
            continue
        parents.pop()
        if name in wanted:
            inside -= 1
            if not inside:
                counts[name] = counts.get(name, 0) + 1
                yield f"{name}[{counts[name] - 1}]", element
        if not inside and parents:
            parents[-1].remove(element)


def local_name(tag: str) -> str:
    """The name without its namespace."""
    return tag.rpartition("}")[2]


def plain_text(text: str) -> str:
    """Text that every database can hold: NUL and lone surrogates become U+FFFD."""
    if text.isascii():
        return text.replace("\0", "\ufffd") if "\0" in text else text
    return re.sub("[\0\ud800-\udfff]", "\ufffd", text)


_CLEANERS: dict[type, Callable[[Any], Any]] = {
    str: plain_text,
    dict: lambda value: {plain_text(key): cleaned(item) for key, item in value.items()},
    list: lambda value: [cleaned(item) for item in value],
    float: lambda value: value if abs(value) < float("inf") else None,
    Decimal: lambda value: cleaned(float(value)),
}


def cleaned(value: Any) -> Any:
    """A JSON value in which every text is plain and every number finite (else None)."""
    cleaner = _CLEANERS.get(type(value))
    return cleaner(value) if cleaner else value
