"""Inputs of tables that are no JSON: rows of CSV, elements of XML, and log lines, each as an object of texts.

No line takes longer than it is long: a line is cut by literals, from its beginning to its end, and there are no patterns in
a table that could go back.
"""

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from xml.etree.ElementTree import Element

from bifang.core.errors import InvalidInput
from secops_agent.importers.base import ImportLimits, Source
from secops_agent.importers.reading.documents import (
    BrokenRecord,
    csv_rows,
    delimiter_of,
    header_line,
    local_name,
    plain_text,
    text_lines,
    xml_elements,
)

LONGEST_LINE: Final = 64 << 10
_MOST_PAIRS: Final = 300
_MOST_FIELDS: Final = 100  # of a line's pattern
_FIELD: Final = re.compile(r"\{([^{}]*)\}")
_NAME: Final = re.compile(r"(?!\d)\w{1,64}|_?")
_KEY: Final = re.compile(r"(?<![\w.-])((?!\d)\w[\w.-]{0,63}+)=")
_QUOTED: Final = re.compile(r'"((?:[^"\\]++|\\.)*+)"')
_ESCAPED: Final = re.compile(r"\\(.)")
Line = Callable[[str], dict[str, Any] | None]


@dataclass(frozen=True)
class LineInput:
    """Lines of a log; ``read`` gives the fields of one, or None for one that is none of these."""

    read: Line
    why: str

    def entries(self, source: Source, limits: ImportLimits) -> Iterator[tuple[str, Any]]:
        """Position and fields of each line; empty ones are skipped."""
        for position, line in text_lines(source, limits):
            if isinstance(line, BrokenRecord):
                yield position, line
            elif line.strip():
                yield position, self._read(line)

    def _read(self, line: bytes) -> dict[str, Any] | BrokenRecord:
        if len(line) > LONGEST_LINE:
            return BrokenRecord(f"这一行超过 {LONGEST_LINE} 字节")
        try:
            found = self.read(plain_text(line.decode().strip()))
        except UnicodeDecodeError:
            return BrokenRecord("不是 UTF-8 编码")
        return found or BrokenRecord(self.why)


@dataclass(frozen=True)
class CsvInput:
    """Rows below a header; a column that is empty in a row is there, empty."""

    def entries(self, source: Source, limits: ImportLimits) -> Iterator[tuple[str, Any]]:
        """Position and cells of each row."""
        head = source.head(limits)
        names = next(csv.reader([header_line(head)], delimiter=delimiter_of(head)), [])
        columns = dict.fromkeys((plain_text(name).strip() for name in names if name.strip()), "")
        for position, row in csv_rows(source, limits):
            yield position, row if isinstance(row, BrokenRecord) or not row else columns | row


@dataclass(frozen=True)
class XmlInput:
    """Elements of one name: attributes and children by their names, what repeats as a list."""

    name: str

    def entries(self, source: Source, limits: ImportLimits) -> Iterator[tuple[str, Any]]:
        """Position and content of each."""
        for position, element in xml_elements(source, {self.name}, limits):
            yield position, value_of(element)


def value_of(element: Element) -> Any:
    """An element as JSON would have it; the text of one that has more than text is under "text"."""
    found: dict[str, Any] = {local_name(name): plain_text(value) for name, value in element.attrib.items()}
    for child in element:
        name, value = local_name(str(child.tag)), value_of(child)
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    text = plain_text((element.text or "").strip())
    if not found:
        return text
    return found | {"text": text} if text else found


def pairs_in(text: str) -> dict[str, Any] | None:
    """key=value and key="value" of a line; a bare value ends where the next key begins. Of a key written twice the first counts."""
    found: dict[str, Any] = {}
    hit = _KEY.search(text)
    while hit and len(found) < _MOST_PAIRS:
        name, place = hit[1], hit.end()
        quoted = _QUOTED.match(text, place)
        if quoted is None and text[place : place + 1] == '"':  # never closed: it is all of the rest
            found.setdefault(name, text[place + 1 :])
            break
        hit = _KEY.search(text, quoted.end() if quoted else place)
        value = _ESCAPED.sub(r"\1", quoted[1]) if quoted else text[place : hit.start() if hit else None]
        found.setdefault(name, value.strip(" \t,;|"))
    return found or None


def line_of(pattern: str) -> Line:
    """The reader of a pattern such as ``{time} {device} fw: {action}|{src}``. Raises InvalidInput for what is none.

    What stands between the braces is a field, ``{}`` is skipped, everything else stands in the line as it is; a space stands
    for several. The pattern may begin anywhere in a line if it begins with something else than a field.
    """
    first, *parts = _FIELD.split(pattern)
    names, literals = parts[::2], parts[1::2]
    if not any(names) or len(names) > _MOST_FIELDS:
        raise InvalidInput(f"里面应当有 1 到 {_MOST_FIELDS} 个 {{字段}}")
    if bad := next((name for name in names if not _NAME.fullmatch(name)), ""):
        raise InvalidInput(f"「{bad[:40]}」不能作字段的名称：用字母、数字、下划线和汉字")
    if any("{" in each or "}" in each for each in (first, *literals)):
        raise InvalidInput("花括号没有成对")
    if "" in literals[:-1]:
        raise InvalidInput("两个字段之间要有隔开它们的字符")

    def read(text: str) -> dict[str, Any] | None:
        _, there, rest = text.partition(first) if first else ("", "", text)
        if first and not there:
            return None
        found = {}
        for name, literal in zip(names, literals, strict=True):
            value, there, after = rest.partition(literal) if literal else (rest, " ", "")
            if not there:
                return None
            found[name] = value.strip()
            rest = after.lstrip(" ") if literal.endswith(" ") else after
        return {name: value for name, value in found.items() if name.strip("_")}

    return read
