"""A table that is none of ours: said with its columns, and what to do instead."""

from typing import Final

from .reading import delimiter_of, header_line

_SHOWN: Final = 6
_FEWEST: Final = 3  # columns; with fewer a comma may be a sentence's
_ADVICE: Final = (
    "漏洞清单请写明格式 findings_csv，要有 IP 或主机名、漏洞名称或 CVE 编号；告警清单请写明 alerts_csv，要有告警名称、级别或时间、IP 或主机名；"
    "资产表（assets_csv）的列名要有「主机名」「IP」「资产名称」之类，情报清单（indicators_csv）要有 value（值）。列名不同的请照模板改列名，"
    "或从原来的工具导出 JSON 或 XML 的报告。"
)


def describe_table(head: bytes) -> str:
    """What to tell of a CSV or sheet whose header nobody knows; "" for what is no table."""
    delimiter = delimiter_of(head)
    columns = [cell.strip().strip('"') for cell in header_line(head).split(delimiter)]
    if len(columns) < _FEWEST or not all(columns[:_FEWEST]):
        return ""
    shown = "、".join(each[:20] for each in columns[:_SHOWN]) + ("……" if len(columns) > _SHOWN else "")
    return f"这是一张表格（列：{shown}），认不出是哪一种清单。{_ADVICE}"
