"""An Excel workbook (xlsx) as CSV: its first visible sheet, dates as people write them; the other sheets are named.

Parts are read as they are unpacked, and no tree is built. Layout: ECMA-376 part 1, 18.2 (workbook), 18.3 (sheets),
18.4 (shared strings), 18.8 (styles).
"""

import csv
import io
import posixpath
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from xml.etree.ElementTree import ParseError
from zipfile import ZipFile

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from bifang.core.errors import InvalidInput

from .sheet import BLANK, CellReader, Row, StringReader, date_styles

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
