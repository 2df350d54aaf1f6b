"""A list of indicators from a spreadsheet (CSV): value, and if it likes type, note, expiry, source.

The list is named by ``--source`` (网页和 API：来源的另一个名字). Defanged values (1.1.1[.]1, hxxp) are read.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from secops_agent.importers.base import BrokenRecord, Importer, Options, Source
from secops_agent.importers.reading.columns import Cells, Columns, header_cells, one, plain_header
from secops_agent.importers.reading.documents import csv_rows
from secops_agent.importers.values.fields import parse_moment, shortened
from secops_agent.services.records import Item, ListedRecord, Rejected
from secops_agent.services.records.indicators import Unusable, read

UNNAMED: Final = "导入的情报"
_COLUMNS: Final = Columns({
    "value": ("value", "indicator", "ioc", "iocvalue", "indicatorvalue", "值", "指标", "指标值", "情报", "威胁指标"),
    "type": ("type", "kind", "indicatortype", "ioctype", "类型", "种类", "指标类型", "情报类型"),
    "note": ("note", "notes", "comment", "description", "desc", "remark", "说明", "描述", "备注", "标签"),
    "expiry": ("expiry", "expires", "expiresat", "expiration", "validuntil", "有效期", "有效期至", "过期时间", "到期时间", "失效时间"),
    "source": ("source", "origin", "feed", "provider", "来源", "出处", "情报来源"),
})  # fmt: skip
_TELLING: Final = ("indicator", "ioc", "iocvalue", "indicatorvalue", "指标", "指标值", "情报", "威胁指标")
_KINDS: Final[dict[str, str]] = {
    "ip": "ip", "ipv4": "ip", "ipv6": "ip", "ipaddr": "ip", "ipsrc": "ip", "ipdst": "ip", "ip地址": "ip", "地址": "ip",
    "cidr": "cidr", "net": "cidr", "subnet": "cidr", "network": "cidr", "网段": "cidr",
    "domain": "domain", "hostname": "domain", "host": "domain", "fqdn": "domain", "域名": "domain", "主机名": "domain",
    "url": "url", "uri": "url", "网址": "url", "链接": "url",
    "hash": "hash", "md5": "hash", "sha1": "hash", "sha256": "hash", "filehash": "hash", "哈希": "hash", "文件哈希": "hash",
    "email": "email", "mail": "email", "emailaddr": "email", "邮箱": "email", "account": "account", "user": "account",
    "username": "account", "账号": "account", "用户名": "account",
}  # fmt: skip
_DAY: Final = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")


class IndicatorsCsv:
    """Streamed, a row an entry."""

    name = "indicators_csv"
    title = "威胁情报清单（Excel 或 CSV，第一行是列名）"

    def sniff(self, head: bytes) -> float:
        known = _COLUMNS.known(head)
        if "value" not in known:
            return 0.0
        telling = any(plain_header(name) in _TELLING for name in header_cells(head))
        return 0.95 if telling or {"type", "expiry"} & known else 0.6

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        for position, row in csv_rows(source, options.limits):
            try:
                if isinstance(row, BrokenRecord):
                    raise row
                yield _entry(position, _COLUMNS.cells(row), options)
            except Unusable as error:
                yield Rejected(position, str(error))
            except BrokenRecord as error:
                yield Rejected(position, error.message)


def _entry(position: str, cells: Cells, options: Options) -> ListedRecord:
    word = one(cells, "type")[:40]
    if word and plain_header(word) not in _KINDS:
        raise BrokenRecord(f"「type」不认识：{word}（可用：ip、cidr、domain、url、hash、email、account）")
    kind, value = read(one(cells, "value"), _KINDS.get(plain_header(word), ""))
    return ListedRecord(
        list=(options.source or UNNAMED)[:60],
        kind=kind,
        value=value,
        note=shortened(one(cells, "note"), 300),
        origin=shortened(one(cells, "source"), 200),
        expires_at=_expiry(one(cells, "expiry"), options),
        position=position,
    )


def _expiry(text: str, options: Options) -> datetime | None:
    """A day ends with its last second, so that the day shown is the day that was written."""
    if not text:
        return None
    if day := _DAY.fullmatch(text):
        try:
            date = datetime(int(day[1]), int(day[2]), int(day[3]), 23, 59, 59, tzinfo=options.zone)
            return date.astimezone(UTC)
        except (ValueError, OverflowError):
            raise BrokenRecord(f"「expiry」不是有效的日期：{text[:40]}") from None
    return parse_moment(text, options.zone, what="「expiry」")


IMPORTER: Importer = IndicatorsCsv()
__all__ = ["IMPORTER", "IndicatorsCsv"]
