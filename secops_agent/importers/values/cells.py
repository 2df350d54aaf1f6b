"""Cells of people's tables: levels, times and addresses as they write them."""

import re
from datetime import datetime
from typing import Final

from secops_agent.importers.base import Options
from secops_agent.importers.reading.columns import Cells, one
from secops_agent.importers.reading.plain import BrokenRecord
from secops_agent.services.records import Severity, severity_of

from .fields import canonical_ip, distinct, parse_moment

SEPARATORS: Final = re.compile(r"[,;|，；、\s]+")
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
