"""Documents: JSON lines, CSV and XML read piece by piece, within limits; JSON documents are in `json_stream`."""

import csv
import io
import json
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any, NoReturn
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, iterparse

from bifang.core.errors import InvalidInput

from .decoding import BrokenFile
from .json_breaks import why_broken
from .json_stream import TOO_DEEP, json_head, json_parts, json_values, nesting
from .limits import ImportLimits
from .plain import BrokenRecord, cleaned, first_line, plain_text
from .quoted_pairs import pairs_of
from .source import Source, Stream

__all__ = [
    "BrokenRecord", "cleaned", "csv_rows", "delimiter_of", "header_line", "json_documents", "json_head", "json_line", "json_lines", "json_parts", "json_values",
    "local_name", "plain_text", "text_lines", "xml_elements",
]  # fmt: skip
MOST_BLANK = (
    1 << 20
)  # rows of the largest sheet that Excel has; each costs time, and packed they cost nothing to send
_MOST_COLUMNS = 1000  # as of a sheet: every row has them all
_ESCAPED_BYTE = re.compile(r"[\udc80-\udcff]")  # what "surrogateescape" makes of a byte that is not UTF-8
_UNSTORABLE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


class _Blanks:
    """Counts the lines of a file that say nothing."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._count = 0

    def note(self) -> None:
        """One more. Raises InvalidInput when there are too many."""
        self._count += 1
        if self._count > MOST_BLANK:
            raise InvalidInput(f"{self._name} 的空行超过 {MOST_BLANK} 行，像是恶意构造的文件，已停止导入。")


def json_lines(
    source: Source, limits: ImportLimits, *, carried: bool = False, pairs: bytes = b""
) -> Iterator[tuple[str, Any]]:
    """Stream ``("第 12 行", value)`` of JSON lines; a line that cannot be read comes as a BrokenRecord value.

    ``carried``: each line's JSON begins at its first brace, behind a header of syslog. ``pairs``: where this stands
    in a line, key="value" pairs begin there in place of JSON.
    """
    blanks = _Blanks(source.name)
    for position, line in text_lines(source, limits):
        if not isinstance(line, bytes):
            yield position, line
        elif not line.strip():
            blanks.note()
        elif pairs and pairs in line:
            yield position, pairs_of(line, pairs)
        elif carried and b"{" not in line:
            neither = f"，也没有 {pairs.decode()}…" if pairs else ""
            yield position, BrokenRecord(f"这一行里没有 JSON 对象{neither}")
        else:
            start = line.index(b"{") if carried else 0
            yield position, json_line(line[start:].strip(), limits)


def json_line(line: bytes, limits: ImportLimits) -> Any:
    """The value of one line, or why it is none: a BrokenRecord."""
    if line.count(b"[") + line.count(b"{") > limits.max_depth and nesting(line) > limits.max_depth:
        return BrokenRecord(TOO_DEEP.format(limits.max_depth))
    try:
        value = _DECODER.decode(line.decode())
    except UnicodeDecodeError:
        return BrokenRecord("不是 UTF-8 编码")
    except json.JSONDecodeError as error:
        return BrokenRecord(f"不是有效的 JSON：它的第 {error.colno} 个字符处{why_broken(error)}")
    except (ValueError, RecursionError) as error:
        return BrokenRecord(f"不是有效的 JSON：{first_line(error)}")
    return cleaned(value) if _UNSTORABLE.search(line) else value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} 不是 JSON 数值")


def _finite(written: str) -> float | None:
    value = float(written)
    return value if abs(value) < float("inf") else None


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


def text_lines(source: Source, limits: ImportLimits) -> Iterator[tuple[str, "bytes | BrokenRecord"]]:
    """Stream ``("第 12 行", line)``; a line over ``max_text`` comes as a BrokenRecord and is skipped."""
    with source.open(limits) as stream:
        number, longest = 0, min(limits.max_text, stream.longest)
        while line := stream.readline(longest + 1):
            number += 1
            if len(line) <= longest:
                yield f"第 {number} 行", line
                continue
            while line and not line.endswith(b"\n"):
                line = stream.readline(longest)
            yield f"第 {number} 行", BrokenRecord(f"这一行超过 {longest} 字节")


def json_documents(source: Source, limits: ImportLimits) -> Iterator[tuple[str, Any]]:
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


def header_line(head: bytes) -> str:
    """The first line that is neither blank nor a comment; "" for what is JSON or XML."""
    lines = (
        line for line in head.decode("utf-8", "replace").splitlines() if line.strip() and line[:1] != "#"
    )
    first = next(lines, "")
    return "" if first.lstrip()[:1] in "{[<" else first


def delimiter_of(head: bytes) -> str:
    """A tab where the header has tabs and no comma (Excel's 「Unicode 文本」, cells that were pasted); else a comma."""
    header = header_line(head)
    return "\t" if "\t" in header and "," not in header else ","


def csv_rows(source: Source, limits: ImportLimits) -> Iterator[tuple[str, dict[str, str] | BrokenRecord]]:
    """Stream rows by header name (stripped), with what is filled in. Lines that begin with # before the header are skipped.

    Too many cells: BrokenRecord; a row of separators only is empty. Raises InvalidInput if there is no header.
    """
    with source.open(limits) as stream:
        stream.begin_record()
        text = io.TextIOWrapper(stream, encoding="utf-8", errors="surrogateescape", newline="")
        reader = csv.reader(text, delimiter=_delimiter(source, limits))
        blanks = _Blanks(source.name)
        try:
            header = _header(reader, source.name, blanks)
            start = reader.line_num + 1
            for cells in reader:
                stream.begin_record()
                if any(cell.strip() for cell in cells):
                    yield f"第 {start} 行", _row(header, cells)
                else:
                    blanks.note()
                    if len(cells) > 1:  # separators, as a spreadsheet leaves them
                        yield f"第 {start} 行", {}
                start = reader.line_num + 1
        except csv.Error as error:
            raise BrokenFile(
                f"{source.name} 的 CSV 读不下去：{first_line(error)}", f"第 {reader.line_num} 行"
            ) from error


def _delimiter(source: Source, limits: ImportLimits) -> str:
    """A comma where nothing can be seen: reading on says why."""
    with suppress(InvalidInput):
        return delimiter_of(source.head(limits))
    return ","


def _header(reader: Iterator[list[str]], name: str, blanks: _Blanks) -> list[str]:
    for cells in reader:
        if cells and not cells[0].startswith("#") and any(cell.strip() for cell in cells):
            if len(cells) > _MOST_COLUMNS:
                raise InvalidInput(f"{name} 超过 {_MOST_COLUMNS} 列：请删去用不到的列再导入。")
            return [plain_text(cell).strip() for cell in cells]
        blanks.note()
    raise InvalidInput(f"{name} 没有表头：CSV 第一行应当是列名。")


def _row(header: list[str], cells: list[str]) -> dict[str, str] | BrokenRecord:
    if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
        return BrokenRecord(f"有 {len(cells)} 列，表头只有 {len(header)} 列")
    if any(cell and _ESCAPED_BYTE.search(cell) for cell in cells):
        return BrokenRecord("含有不是 UTF-8 的字节")
    plain = ((name, plain_text(cell).strip()) for name, cell in zip(header, cells, strict=False) if cell)
    return {name: cell for name, cell in plain if cell}


def xml_elements(
    source: Source, wanted: Collection[str], limits: ImportLimits, deepest: int = 100
) -> Iterator[tuple[str, Element]]:
    """Stream complete elements whose local name is wanted, as ``("host[2]", element)``; outermost ones only.

    ``deepest``: how far below the root they may stand (its children: 1); farther down the name means something else.
    Namespaces stay in the tags of the element itself ("{uri}name"). Raises InvalidInput for entities, external
    references and nesting; BrokenFile where the XML breaks.
    """
    with source.open(limits) as stream:
        parser = DefusedXMLParser(target=TreeBuilder(), encoding="utf-8")
        try:
            events = iterparse(stream, ("start", "end"), parser)
            yield from _elements(events, wanted, limits, stream, deepest)
        except DefusedXmlException as error:
            raise InvalidInput(
                f"{source.name} 含有 XML 实体或外部引用，可能是攻击文件，已拒绝导入。"
            ) from error
        except (ParseError, ValueError, LookupError) as error:
            raise BrokenFile(f"{source.name} 的 XML 有错误或被截断：{first_line(error)}") from error


def _elements(
    events: Iterator[tuple[str, Element]],
    wanted: Collection[str],
    limits: ImportLimits,
    stream: Stream,
    deepest: int,
) -> Iterator[tuple[str, Element]]:
    counts: dict[str, int] = {}
    parents: list[Element] = []
    inside = 0
    stream.begin_record()
    for event, element in events:
        if not inside:
            stream.begin_record()
        name = local_name(element.tag)
        if event == "start":
            if len(parents) >= limits.max_depth:
                raise InvalidInput(TOO_DEEP.format(limits.max_depth))
            parents.append(element)
            inside += name in wanted and len(parents) - 1 <= deepest
            continue
        parents.pop()
        if name in wanted and len(parents) <= deepest:
            inside -= 1
            if not inside:
                counts[name] = counts.get(name, 0) + 1
                yield f"{name}[{counts[name] - 1}]", element
        if not inside and parents:
            parents[-1].remove(element)


def local_name(tag: str) -> str:
    """The name without its namespace."""
    return tag.rpartition("}")[2]
