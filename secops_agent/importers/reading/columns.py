"""Columns of a table, found by any usual header: the one reading of headers for every list that people keep."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from secops_agent.services.records import Rejected

from .documents import delimiter_of, header_line

Cells = Mapping[str, tuple[str, ...]]
_NOTHING: Final = frozenset({"", "-", "--", "/", "n/a", "null", "none", "无", "空"})
_FILLING: Final = re.compile(r"[\s_()（）*【】\[\]-]")
_CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")

_SHOWN: Final = 6
_FEWEST: Final = 3  # columns; with fewer a comma may be a sentence's
_ADVICE: Final = (
    "漏洞清单请写明格式 findings_csv，要有 IP 或主机名、漏洞名称或 CVE 编号；告警清单请写明 alerts_csv，要有告警名称、级别或时间、IP 或主机名；"
    "资产表（assets_csv）的列名要有「主机名」「IP」「资产名称」之类，情报清单（indicators_csv）要有 value（值）。列名不同的请照模板改列名，"
    "或从原来的工具导出 JSON 或 XML 的报告。"
)


class Columns:
    """Headers by the column they mean. A header is compared in lower case without blanks, brackets, "_" and "-".

    ``spelled``: our name of a column → its spellings; our name is one of them.
    """

    def __init__(self, spelled: Mapping[str, Iterable[str]]) -> None:
        self.names = tuple(spelled)
        self._columns = {
            plain_header(each): column
            for column, spellings in spelled.items()
            for each in (column, *spellings)
        }

    def of(self, header: str) -> str:
        """The column that a header means, or ""."""
        return self._columns.get(plain_header(header), "")

    def known(self, head: bytes, *, chinese: bool = False) -> set[str]:
        """The columns that a file has; only those with a Chinese header if so wished."""
        names = (name for name in header_cells(head) if not chinese or _CHINESE.search(name))
        return {self.of(name) for name in names} - {""}

    def strange(self, head: bytes) -> Iterator[Rejected]:
        """The headers that mean nothing to us, told once."""
        if names := [name for name in header_cells(head) if name and not self.of(name)]:
            yield Rejected("表头", f"没有用到的列：{'、'.join(names)[:300]}。其余列照常导入。", unused=True)

    def cells(self, row: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
        """What is filled in, by column; several headers may mean one (内网IP, 公网IP)."""
        found: dict[str, tuple[str, ...]] = {}
        for header, cell in row.items():
            if cell.lower() not in _NOTHING and (column := self.of(header)):
                found[column] = tuple(dict.fromkeys((*found.get(column, ()), cell)))
        return found


@lru_cache(maxsize=200)
def plain_header(header: str) -> str:
    """A header as it is compared."""
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


def describe_table(head: bytes) -> str:
    """What to tell of a CSV or sheet whose header nobody knows; "" for what is no table."""
    columns = header_cells(head)
    if len(columns) < _FEWEST or not all(columns[:_FEWEST]):
        return ""
    shown = "、".join(each[:20] for each in columns[:_SHOWN]) + ("……" if len(columns) > _SHOWN else "")
    return f"这是一张表格（列：{shown}），认不出是哪一种清单。{_ADVICE}"
