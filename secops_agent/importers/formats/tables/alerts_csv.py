"""A list of alerts from a spreadsheet (CSV, or xlsx which is read as CSV), as consoles of WAF, NDR and EDR export them.

A row is one event; rows of one name, asset and attacker are one alert.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, Final

from secops_agent.importers.base import BrokenRecord, Importer, Options, Source, convert
from secops_agent.importers.reading.columns import Cells, Columns
from secops_agent.importers.reading.documents import csv_rows
from secops_agent.importers.values.alert_fields import AlertTable, Host, ObjectReader
from secops_agent.importers.values.alert_reading import read_alert
from secops_agent.importers.values.cells import addresses_in, level_in, moment_in
from secops_agent.services.records import SEVERITIES, Item, Record

_COLUMNS: Final = Columns({
    "告警名称": (
        "告警标题", "告警", "事件名称", "事件标题", "安全事件", "安全事件名称", "威胁名称", "攻击名称", "alertname",
        "alert", "alerttitle", "eventname",
    ),
    "级别": (
        "告警级别", "告警等级", "事件级别", "事件等级", "威胁级别", "威胁等级", "风险级别", "风险等级", "危险级别", "危险等级", "危害等级",
        "严重程度", "严重级别", "严重等级", "严重性", "等级", "severity", "level", "risklevel", "priority",
    ),
    "时间": (
        "告警时间", "发生时间", "事件时间", "最近发生时间", "最近告警时间", "最后发生时间", "攻击时间", "检测时间", "发现时间",
        "time", "timestamp", "date", "alerttime", "eventtime", "occurredat", "lastseen",
    ),
    "首次时间": ("首次发生时间", "首次告警时间", "首次发现时间", "开始时间", "firstseen", "starttime"),
    "告警编号": ("告警id", "事件id", "事件编号", "日志id", "alertid", "eventid", "id", "uuid"),
    "规则名称": ("规则", "规则id", "规则编号", "rulename", "ruleid"),
    "告警类型": ("事件类型", "威胁类型", "攻击类型", "告警分类", "事件分类", "alerttype", "eventtype", "category", "type", "attacktype"),
    "资产IP": ("主机ip", "受影响ip", "受影响资产ip", "失陷ip", "服务器ip", "ip", "ip地址", "hostip", "assetip"),
    "主机名": ("主机", "主机名称", "资产", "受影响资产", "受影响主机", "服务器名称", "实例名称", "hostname", "host", "asset"),
    "资产名称": ("系统名称", "业务系统", "assetname"),
    "源IP": ("源地址", "源ip地址", "来源ip", "攻击ip", "攻击者ip", "攻击源ip", "攻击源", "攻击者", "srcip", "sourceip", "src", "attackerip"),
    "目的IP": (
        "目的地址", "目的ip地址", "目标ip", "目标地址", "受害ip", "受害者ip", "受害者", "被攻击ip", "dstip", "destip", "destinationip", "dst",
        "victimip",
    ),
    "域名": ("恶意域名", "请求域名", "domain"),
    "网址": ("url", "请求url", "攻击url"),
    "哈希": ("文件哈希", "文件md5", "md5", "sha1", "sha256", "hash", "filehash"),
    "文件": ("文件路径", "文件名", "恶意文件", "filepath", "filename"),
    "进程": ("进程名", "进程名称", "进程路径", "process", "processname"),
    "账号": ("用户名", "用户", "登录用户", "account", "user", "username"),
    "描述": ("告警描述", "事件描述", "告警详情", "详情", "说明", "description", "message", "detail", "details"),
    "处置建议": ("建议", "修复建议", "解决方案", "suggestion", "solution"),
    "源端口": ("srcport", "sourceport"),
    "目的端口": ("目标端口", "端口", "dstport", "destport", "destinationport"),
    "协议": ("protocol",),
    "动作": ("处置动作", "防护动作", "action"),
    "攻击结果": ("攻击状态", "结果", "result"),
    "状态": ("处置状态", "处理状态", "告警状态", "事件状态", "status", "state"),
    "ATT&CK": ("att&ck技术", "attack技术", "技战术", "mitre", "technique", "techniques"),
})  # fmt: skip
_DETAILS: Final = (
    "资产名称",
    "告警类型",
    "源端口",
    "目的端口",
    "协议",
    "动作",
    "攻击结果",
    "状态",
    "处置建议",
)
_ADDRESSES: Final = ("资产IP", "源IP", "目的IP")
_CLOSED: Final = ("已处置", "已处理", "已关闭", "已解决", "已完成", "处置完成", "closed", "resolved", "done")
_PLACE: Final = re.compile(r"[(（][^()（）]{0,100}[)）]")  # of an address: 203.0.113.9（美国）
_TABLE: Final = AlertTable(
    marks=("告警名称",),
    title=("告警名称",),
    key=(("告警名称",), ("主机名", "资产IP", "目的IP", "资产名称"), ("源IP",)),
    event=("告警编号",),
    level=("级别",),
    levels={each: each for each in SEVERITIES},
    first=("首次时间",),
    last=("时间",),
    rule=("规则名称",),
    state=("状态",),
    states=dict.fromkeys(_CLOSED, "closed"),
    text=("描述",),
    details={each: (each,) for each in _DETAILS},
    host=Host(name=("主机名",), ips=("资产IP",), inside=("源IP", "目的IP")),
    sightings={
        "ip": ("源IP", "目的IP"), "domain": ("域名",), "url": ("网址",), "hash": ("哈希",), "file": ("文件",), "process": ("进程",),
        "account": ("账号",),
    },
    techniques=("ATT&CK",),
)  # fmt: skip
# Every column, so that none is looked for as a path.
_EMPTY: Final = dict.fromkeys(_COLUMNS.names)


class AlertsCsv:
    """Sure where the Chinese header names an alert, its level, its time and a machine; other tables only if a person says so."""

    name = "alerts_csv"
    title = "告警清单（Excel 或 CSV，一行是一次告警）"

    def sniff(self, head: bytes) -> float:
        known = _COLUMNS.known(head)
        if (
            "告警名称" not in known
            or not known & {"级别", "时间"}
            or not known & {*_ADDRESSES, "主机名", "资产名称"}
        ):
            return 0.0
        telling = _COLUMNS.known(head, chinese=True)
        return 0.95 if telling >= {"告警名称", "级别", "时间"} else 0.5

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        yield from _COLUMNS.strange(source.head(options.limits))
        yield from convert(csv_rows(source, options.limits), partial(_row, options=options))


def _row(row: Mapping[str, str], *, options: Options) -> Iterator[Record]:
    cells = _COLUMNS.cells(row)
    if not cells.get("告警名称"):
        raise BrokenRecord("这一行没有告警：请填写告警名称")
    record = read_alert(ObjectReader(_fields(cells, options)), _TABLE, options.source or "告警清单", options)
    # A row without a number is its own: read again it is the same event.
    number = (
        record.event_id or hashlib.sha256("\x1f".join(chain.from_iterable(row.items())).encode()).hexdigest()
    )
    yield replace(
        record, event_id=number, raw={name: cell for name, cell in row.items() if _COLUMNS.of(name)}
    )


def _fields(cells: Cells, options: Options) -> dict[str, Any]:
    """What the table of fields reads: addresses apart, level and times in our spelling."""
    fields: dict[str, Any] = _EMPTY | {column: list(values) for column, values in cells.items()}
    bare = {column: tuple(_PLACE.sub("", cell) for cell in cells.get(column, ())) for column in _ADDRESSES}
    fields |= {column: list(addresses_in(bare, column)) for column in _ADDRESSES}
    for column in ("时间", "首次时间"):
        moment = moment_in(cells, column, options)
        fields[column] = moment.isoformat() if moment else None
    return fields | {"级别": level_in(cells, "级别") if cells.get("级别") else None}


IMPORTER: Importer = AlertsCsv()
__all__ = ["IMPORTER", "AlertsCsv"]
