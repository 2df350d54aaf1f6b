"""What people's tables have in common: columns by any usual header, and how their cells write levels and times."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final

from secops_agent.services.records import Rejected, Severity, severity_of

from .base import BrokenRecord, Options
from .fields import canonical_ip, distinct, parse_moment
from .reading import delimiter_of, header_line

Cells = Mapping[str, tuple[str, ...]]
_NOTHING: Final = frozenset({"", "-", "--", "/", "n/a", "null", "none", "无", "空"})
_FILLING: Final = re.compile(r"[\s_()（）*【】\[\]-]")
SEPARATORS: Final = re.compile(r"[,;|，；、\s]+")
_CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")
_LEVEL_FILLING: Final = re.compile(r"(?:漏洞|告警|风险|级别|等级|级|危险|[\[\]【】\s])+$|^[\[【\s]+")
# Words that only people's tables have, beyond those of `severity_of`; the last three are Aliyun's (修复紧急度).
_LEVELS: Final[dict[str, Severity]] = {
    "极高": "critical", "重要": "high", "较高": "high", "较低": "low", "需尽快修复": "high", "可延后修复": "medium", "暂可不修复": "low",
}  # fmt: skip
_LONGEST_WORD: Final = 40
_RATED_INFO: Final = frozenset(
    {"info", "information", "informational", "信息", "提示", "none", "unknown", "未知"}
)
_TIME: Final = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T\s]+(\d{1,2})[:时](\d{1,2})(?:[:分](\d{1,2})(?:\.\d+)?秒?)?分?)?"
)


class Columns:
    """Headers by the column they mean. A header is compared in lower case without blanks, brackets, "_" and "-".

    ``spelled``: our name of a column → its spellings; our name is one of them.
    """

    def __init__(self, spelled: Mapping[str, Iterable[str]]) -> None:
        self.names = tuple(spelled)
        self._columns = {
            _plain(each): column for column, spellings in spelled.items() for each in (column, *spellings)
        }

    def of(self, header: str) -> str:
        """The column that a header means, or ""."""
        return self._columns.get(_plain(header), "")

    def known(self, head: bytes, *, chinese: bool = False) -> set[str]:
        """The columns that a file has; only those with a Chinese header if so wished."""
        names = (name for name in header_cells(head) if not chinese or _CHINESE.search(name))
        return {self.of(name) for name in names} - {""}

    def strange(self, head: bytes) -> Iterator[Rejected]:
        """The headers that mean nothing to us, told once."""
        if names := [name for name in header_cells(head) if name and not self.of(name)]:
            yield Rejected("表头", f"没有用到的列：{'、'.join(names)[:300]}。其余列照常导入。")

    def cells(self, row: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
        """What is filled in, by column; several headers may mean one (内网IP, 公网IP)."""
        found: dict[str, tuple[str, ...]] = {}
        for header, cell in row.items():
            if cell.lower() not in _NOTHING and (column := self.of(header)):
                found[column] = distinct((*found.get(column, ()), cell))
        return found


@lru_cache(maxsize=200)
def _plain(header: str) -> str:
    return _FILLING.sub("", header.lower())


def header_cells(head: bytes) -> list[str]:
    """The cells of the first line that is no comment; nothing for what is JSON or XML."""
    try:
        cells = next(csv.reader([header_line(head)], delimiter=delimiter_of(head)), [])
    except csv.Error:
        return []
    return [cell.strip() for cell in cells]


def one(cells: Cells, column: str) -> str:
    """The first of a column's values, or ""."""
    return cells.get(column, ("",))[0]


def level_in(cells: Cells, column: str, score: float | None = None) -> Severity:
    """The level that a word says (高危, 高风险, High, 紧急), else the score's; nothing is "info". BrokenRecord for another word."""
    word = one(cells, column)
    plain = _LEVEL_FILLING.sub("", word[:_LONGEST_WORD]).lower()
    found = _LEVELS.get(plain) or severity_of(plain, score)
    if found == "info" and plain not in _RATED_INFO and word and score is None:
        raise BrokenRecord(
            f"「{column}」不认识：{word[:_LONGEST_WORD]}（可用：严重、高危、中危、低危、信息）"
        )
    return found


def moment_in(cells: Cells, column: str, options: Options) -> datetime | None:
    """A time as people and spreadsheets write it (2026/11/20 8:30, 2026年11月20日); BrokenRecord for what is none."""
    written = one(cells, column)
    if found := _TIME.fullmatch(written):
        year, month, day, *clock = (part or "0" for part in found.groups())
        written = f"{year}-{month:0>2}-{day:0>2}T{':'.join(f'{part:0>2}' for part in clock)}"
    return parse_moment(written, options.zone, what=f"「{column}」") if written else None


def addresses_in(cells: Cells, column: str) -> tuple[str, ...]:
    """Every address of a column in its usual form; BrokenRecord for what is none."""
    found = distinct(part for cell in cells.get(column, ()) for part in SEPARATORS.split(cell))
    for each in found:
        if not canonical_ip(each):
            raise BrokenRecord(f"「{column}」不是有效的地址：{each[:60]}")
    return distinct(map(canonical_ip, found))
