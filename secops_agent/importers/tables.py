"""A table that is none of ours: said with its columns, and what to do instead."""

from typing import Final

from .reading import delimiter_of, header_line

_SHOWN: Final = 6
_FEWEST: Final = 3  # columns; with fewer a comma may be a sentence's
_ADVICE: Final = (
    "漏洞清单和告警的表格还不能导入：请从原来的工具导出 JSON 或 XML 的报告，或转成通用格式；"
    "资产表的列名要有「主机名」「IP」「资产名称」之类，情报清单要有 value（值）。"
)


def describe_table(head: bytes) -> str:
    """What to tell of a CSV or sheet whose header nobody knows; "" for what is no table."""
    delimiter = delimiter_of(head)
    columns = [cell.strip().strip('"') for cell in header_line(head).split(delimiter)]
    if len(columns) < _FEWEST or not all(columns[:_FEWEST]):
        return ""
    shown = "、".join(each[:20] for each in columns[:_SHOWN]) + ("……" if len(columns) > _SHOWN else "")
    return f"这是一张表格（列：{shown}），不是资产表，也不是情报清单。{_ADVICE}"
