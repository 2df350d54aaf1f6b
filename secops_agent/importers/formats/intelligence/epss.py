"""FIRST's EPSS scores of one day (epss_scores-YYYY-MM-DD.csv.gz).

First line "#model_version:v2025.03.14,score_date:2026-11-20T12:55:00Z", then "cve,epss,percentile".
"""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

from secops_agent.importers.base import BrokenRecord, Importer, Options, Source, convert
from secops_agent.importers.reading.documents import csv_rows
from secops_agent.importers.values.fields import parse_moment
from secops_agent.services.records import Item, Record, VulnerabilityRecord

_DATE = re.compile(rb"score_date:\s*([0-9T:+.Z-]+)")
_HEADER = re.compile(rb"^\s*cve\s*,\s*epss\s*(?:,|$)", re.IGNORECASE | re.MULTILINE)
_CVE = re.compile(r"CVE-\d{4}-\d{4,}")


class Epss:
    """Some 300,000 rows: streamed, each its own record."""

    name = "epss"
    title = "EPSS 漏洞利用概率（FIRST 官方 CSV）"

    def sniff(self, head: bytes) -> float:
        if head.startswith(b"#model_version:"):
            return 1.0
        return 0.9 if _HEADER.search(head[:4096]) else 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        day = _score_date(source.head(options.limits)) or options.received_at
        read = partial(_row, day=day, tool=options.source or "epss")
        return convert(csv_rows(source, options.limits), read)


def _score_date(head: bytes) -> datetime | None:
    """None where the comment line is missing (a spreadsheet dropped it) or unreadable: the scores still hold."""
    found = _DATE.search(head[:4096])
    try:
        return parse_moment(found[1].decode()) if found else None
    except BrokenRecord:
        return None


def _row(value: Any, *, day: datetime | None, tool: str) -> Iterator[Record]:
    cells = {name.lower(): cell for name, cell in value.items()}
    name = cells.get("cve", "").upper()
    if not _CVE.fullmatch(name):
        raise BrokenRecord(f"「cve」不是 CVE 编号：{name[:40] or '空'}")
    if not cells.get("epss"):
        raise BrokenRecord("缺少必填字段「epss」")
    yield VulnerabilityRecord(
        vuln_id=name,
        epss=_share(cells, "epss"),
        epss_percentile=_share(cells, "percentile"),
        epss_date=day,
        source=tool,
    )


def _share(cells: dict[str, str], key: str) -> float | None:
    written = cells.get(key, "")
    try:
        value = float(written) if written else None
    except ValueError:
        raise BrokenRecord(f"「{key}」应当是数字，实际是 {written[:40]}") from None
    if value is not None and not 0 <= value <= 1:
        raise BrokenRecord(f"「{key}」应当在 0 和 1 之间，实际是 {written[:40]}")
    return value


IMPORTER: Importer = Epss()
__all__ = ["IMPORTER", "Epss"]
