"""An Excel workbook (xlsx) as CSV: its first visible sheet, dates as people write them; the other sheets are named.

Parts are read as they are unpacked, and no tree is built. Layout: ECMA-376 part 1, 18.2 (workbook), 18.3 (sheets),
18.4 (shared strings), 18.8 (styles).
"""

import csv
import io
import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from xml.etree.ElementTree import ParseError
from zipfile import ZipFile

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from bifang.core.errors import InvalidInput

Row = list[str]
BLANK: Final[Row] = []
_COLUMNS, _ROWS = 1000, 1 << 20  # the most columns that are read; the most rows that Excel has
_LONGEST: Final = 32_767  # characters of a cell
_DEEPEST: Final = 50
_PLACE: Final = re.compile(r"([A-Z]{1,3})\d*")
# Number formats that show a date: built in (18.8.30), and what is written with year, month or day.
_BUILT_IN_DATES: Final = frozenset({14, 15, 16, 17, 22, *range(27, 37), *range(50, 59)})
_LITERAL: Final = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
_TOO_MUCH: Final = "Excel 文件里{}，像是恶意构造的文件，没有读取。"


def date_styles(tags: Iterable[tuple[str, str, Mapping[str, str]]]) -> frozenset[int]:
    """The styles of cells that show a date. ``tags``: (above, tag, attributes) of ``numFmt`` and ``xf``."""
    formats: dict[str, str] = {}
    styles: list[str] = []
    for above, tag, attributes in tags:
        if tag == "numFmt":
            formats[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif above == "cellXfs":
            styles.append(attributes.get("numFmtId", "0"))
    return frozenset(number for number, known in enumerate(styles) if _is_date(known, formats))


def _is_date(number: str, formats: Mapping[str, str]) -> bool:
    if number in formats:
        return bool(re.search(r"[yd年月日]", _LITERAL.sub("", formats[number]).lower()))
    return number.isdecimal() and len(number) < 4 and int(number) in _BUILT_IN_DATES


class _TextReader:
    """A parser's target that keeps the text of one thing at a time."""

    def __init__(self) -> None:
        self._depth = self._length = 0
        self._keeping = self._aloud = False
        self._parts: list[str] = []

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Of the parser."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise InvalidInput(_TOO_MUCH.format("嵌套太深"))
        name = tag.rpartition("}")[2]
        if name == "rPh":
            self._aloud = True  # how it is read aloud stands beside the text
        elif name in ("t", "v"):
            self._keeping = not self._aloud
        else:
            self.opened(name, attributes)

    def data(self, text: str) -> None:
        """Of the parser."""
        if self._keeping:
            self._parts.append(text)
            self._length += len(text)
            if self._length > _LONGEST:
                raise InvalidInput(_TOO_MUCH.format(f"有一格超过 {_LONGEST} 个字"))

    def end(self, tag: str) -> None:
        """Of the parser."""
        self._depth -= 1
        name = tag.rpartition("}")[2]
        if name == "rPh":
            self._aloud = False
        elif name in ("t", "v"):
            self._keeping = False
        else:
            self.closed(name)

    def text(self) -> str:
        """What was kept; begins anew."""
        kept = "".join(self._parts)
        self._parts.clear()
        self._length = 0
        return kept

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        """A tag that is no text."""

    def closed(self, name: str) -> None:
        """Its end."""


class StringReader(_TextReader):
    """The texts that cells share, in order."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.strings: list[str] = []
        self._most = most

    def closed(self, name: str) -> None:
        if name == "si":
            self.strings.append(self.text())
            if len(self.strings) > self._most:
                raise InvalidInput(_TOO_MUCH.format(f"的文字超过 {self._most} 段"))


class CellReader(_TextReader):
    """The rows of a sheet; rows that the file leaves out are empty, so that line numbers are Excel's."""

    def __init__(self, strings: list[str], dates: frozenset[int], *, since_1904: bool) -> None:
        super().__init__()
        self._strings, self._dates = strings, dates
        self._epoch = datetime(*((1904, 1, 1) if since_1904 else (1899, 12, 30)), tzinfo=UTC)
        self._rows: list[Row] = []
        self._row: Row = []
        self._number = self._column = 0
        self._kind = self._style = ""

    def take(self) -> list[Row]:
        """The rows that are complete; each is given once."""
        taken, self._rows = self._rows, []
        return taken

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "row":
            self._skip_to(_number(attributes.get("r", "")))
            self._row = []
        elif name == "c":
            self.text()
            self._kind, self._style = attributes.get("t", "n"), attributes.get("s", "")
            self._column = _column(attributes.get("r", "")) or len(self._row) + 1

    def closed(self, name: str) -> None:
        if name == "c":
            self._put(self._value(self.text()))
        elif name == "row":
            self._number += 1
            self._rows.append(self._row)

    def _skip_to(self, number: int) -> None:
        missing = min(number, _ROWS) - self._number - 1
        if missing > 0:
            self._rows.extend([BLANK] * missing)
            self._number += missing

    def _put(self, value: str) -> None:
        if not value:
            return
        if self._column > _COLUMNS:
            raise InvalidInput(f"Excel 文件超过 {_COLUMNS} 列：请删去用不到的列再导入。")
        self._row.extend([""] * (self._column - len(self._row)))
        self._row[self._column - 1] = value

    def _value(self, text: str) -> str:
        if self._kind == "s":
            number = _number(text)
            text = self._strings[number] if 0 <= number < len(self._strings) else ""
        if self._kind == "e":
            return ""
        if self._kind == "n" and _number(self._style) in self._dates and self._style:
            return self._day(text)
        return "；".join(
            line.strip() for line in text.splitlines() if line.strip()
        )  # so that a row stays a line

    def _day(self, text: str) -> str:
        try:
            at = self._epoch + timedelta(seconds=round(float(text) * 86_400))
        except (ValueError, OverflowError):
            return text
        return f"{at:%Y-%m-%d}" if not (at.hour or at.minute or at.second) else f"{at:%Y-%m-%d %H:%M:%S}"


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 9 else -1


def _column(place: str) -> int:
    """B12 is 2; 0 where it does not say."""
    found = _PLACE.fullmatch(place)
    number = 0
    for letter in found[1] if found else "":
        number = number * 26 + ord(letter) - 64
    return number


BOOK: Final = "xl/workbook.xml"
_RELATIONS, _STRINGS, _STYLES = "xl/_rels/workbook.xml.rels", "xl/sharedStrings.xml", "xl/styles.xml"
_CHUNK: Final = 64 * 1024
_MOST_TAGS: Final = 100_000  # of one kind in a part; Excel has at most 64,000 styles
_TITLES: Final = 20  # rows above the header in which people write what the table is
_STRINGS_AT_LEAST, _BYTES_A_STRING = 200_000, 4


@dataclass(slots=True)
class _Tags:
    """The attributes of the tags that are wanted, with the tag above each; a parser's target."""

    wanted: Collection[str]
    found: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    above: list[str] = field(default_factory=list)

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Of the parser."""
        name = tag.rpartition("}")[2]
        if name in self.wanted:
            self.found.append((self.above[-1] if self.above else "", name, attributes))
        self.above.append(name)
        if len(self.found) > _MOST_TAGS or len(self.above) > 50:
            raise InvalidInput("Excel 文件的样式太多或嵌套太深，像是恶意构造的文件，没有读取。")

    def end(self, _: str) -> None:
        """Of the parser."""
        self.above.pop()


def read_workbook(archive: ZipFile, name: str, left: list[str]) -> Iterator[bytes]:
    """The rows as CSV (UTF-8), a row a line. ``left``: sheets that are not read. Raises InvalidInput, zipfile's errors."""
    try:
        tags = _tags(archive, BOOK, ("sheet", "workbookPr"))
        sheets = _visible(archive, tags)
        if not sheets:
            raise InvalidInput(f"{name} 里没有可以读的工作表。")
        left[:] = [title for title, part in sheets[1:] if _has_cells(archive, part)]
        styles = _tags(archive, _STYLES, ("numFmt", "xf")) if _STYLES in archive.NameToInfo else []
        old = any(
            attributes.get("date1904") in ("1", "true") for _, tag, attributes in tags if tag == "workbookPr"
        )
        reader = CellReader(_strings(archive), date_styles(styles), since_1904=old)
        yield from _as_csv(_below_titles(_rows(archive, sheets[0][1], reader)))
    except DefusedXmlException as error:
        raise InvalidInput(f"{name} 含有 XML 实体或外部引用，可能是攻击文件，已拒绝导入。") from error
    except ParseError as error:
        raise InvalidInput(f"{name} 不是完整的 Excel 文件：请在 Excel 里重新保存一次。") from error


def _feed(archive: ZipFile, part: str, target: Any) -> Iterator[None]:
    """After each piece of the part."""
    parser = DefusedXMLParser(target=target)
    with archive.open(part) as file:
        while piece := file.read(_CHUNK):
            parser.feed(piece)
            yield
    parser.close()


def _tags(archive: ZipFile, part: str, wanted: Collection[str]) -> list[tuple[str, str, Mapping[str, str]]]:
    target = _Tags(wanted)
    for _ in _feed(archive, part, target):
        pass
    return target.found


def _visible(archive: ZipFile, tags: list[tuple[str, str, Mapping[str, str]]]) -> list[tuple[str, str]]:
    """Name and part of each sheet that is shown."""
    places = {
        attributes.get("Id", ""): attributes.get("Target", "")
        for _, _, attributes in _tags(archive, _RELATIONS, ("Relationship",))
    }
    found = []
    for _, tag, attributes in tags:
        if tag == "sheet" and attributes.get("state", "visible") == "visible":
            relation = next((value for key, value in attributes.items() if key.endswith("}id")), "")
            part = posixpath.normpath(posixpath.join("/xl", places.get(relation, ""))).lstrip("/")
            if "worksheets/" in part and part in archive.NameToInfo:
                found.append((attributes.get("name", "")[:60], part))
    return found


def _has_cells(archive: ZipFile, part: str) -> bool:
    with archive.open(part) as file:
        return bool(re.search(rb"<(?:\w+:)?c[\s>]", file.read(_CHUNK)))


def _strings(archive: ZipFile) -> list[str]:
    if _STRINGS not in archive.NameToInfo:
        return []
    size = archive.NameToInfo[_STRINGS].compress_size
    target = StringReader(_STRINGS_AT_LEAST + size // _BYTES_A_STRING)
    for _ in _feed(archive, _STRINGS, target):
        pass
    return target.strings


def _rows(archive: ZipFile, part: str, reader: CellReader) -> Iterator[Row]:
    for _ in _feed(archive, part, reader):
        yield from reader.take()


def _below_titles(rows: Iterator[Row]) -> Iterator[Row]:
    """Rows of one cell above the first that has several say what the table is, and count as empty lines."""
    above: list[Row] = []
    titles = 0
    for row in rows:
        if sum(1 for cell in row if cell) > 1:
            yield from (BLANK for _ in above)
            yield row
            yield from rows
            return
        above.append(row)
        titles += bool(row)
        if titles > _TITLES:
            break
    yield from above
    yield from rows


def _as_csv(rows: Iterator[Row]) -> Iterator[bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for row in rows:
        writer.writerow(row)
        if buffer.tell() > _CHUNK:
            yield _emptied(buffer)
    yield _emptied(buffer)


def _emptied(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue().encode("utf-8", "replace")
    buffer.seek(0)
    buffer.truncate()
    return text
