"""A list of vulnerabilities from a spreadsheet (CSV, or xlsx which is read as CSV), as scanners and consoles export them.

A row is what is wrong on one asset; each CVE of a row is a finding. A list is no complete scan: what it does not have
is not gone.
"""

import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from secops_agent.importers.base import BrokenRecord, Importer, Options, Source, convert
from secops_agent.importers.reading.columns import Cells, Columns, one
from secops_agent.importers.reading.documents import csv_rows
from secops_agent.importers.values.assets import host_asset
from secops_agent.importers.values.cells import SEPARATORS, addresses_in, level_in, moment_in
from secops_agent.importers.values.fields import (
    aliases_in,
    canonical_ip,
    cvss,
    distinct,
    primary_id,
    shortened,
)
from secops_agent.importers.values.host_hits import HIDDEN, SECRET
from secops_agent.services.records import (
    AssetRecord,
    ComponentRecord,
    Cvss,
    FindingRecord,
    Item,
    Record,
    Rejected,
    VulnerabilityRecord,
)

_COLUMNS: Final = Columns({
    "IP": (
        "ip地址", "资产ip", "主机ip", "目标ip", "服务器ip", "设备ip", "受影响ip", "影响ip", "内网ip", "私网ip", "公网ip", "外网ip",
        "ipaddress", "hostip", "targetip", "assetip",
    ),
    "主机名": (
        "主机", "主机名称", "计算机名", "服务器名", "服务器名称", "实例名称", "资产", "资产地址", "影响资产", "受影响资产", "受影响主机",
        "目标", "hostname", "host", "fqdn", "dnsname", "asset", "target", "server",
    ),
    "资产名称": ("系统名称", "业务系统", "assetname"),
    "漏洞名称": ("漏洞", "漏洞标题", "漏洞公告", "风险名称", "漏洞描述名称", "vulnerability", "vulnerabilityname", "vulnname", "vulntitle"),
    "名称": ("标题", "name", "title", "pluginname"),
    "CVE编号": ("cve", "cveid", "cves", "cve号", "cve漏洞编号"),
    "CNVD编号": ("cnvd", "cnvdid", "cnvd号"),
    "CNNVD编号": ("cnnvd", "cnnvdid", "cnnvd号"),
    "漏洞编号": ("漏洞id", "漏洞号", "插件id", "插件编号", "规则id", "vulnid", "vulnerabilityid", "pluginid", "qid"),
    "风险等级": (
        "危险级别", "危险等级", "危险程度", "风险级别", "漏洞等级", "漏洞级别", "漏洞危害", "威胁等级", "威胁级别", "危害等级", "危害级别",
        "严重程度", "严重级别", "严重等级", "严重性", "等级", "级别", "修复紧急度", "修复优先级", "severity", "risk", "risklevel", "level",
    ),
    "CVSS": ("cvss评分", "cvss分数", "cvss分值", "cvssscore", "cvssbasescore", "cvss3", "cvssv3", "cvss向量", "cvssvector"),
    "端口": ("端口号", "服务端口", "port"),
    "协议": ("传输协议", "protocol"),
    "网址": ("url", "漏洞url", "漏洞地址", "链接", "路径", "文件路径", "path"),
    "组件": ("组件名称", "软件", "软件名称", "软件包", "影响组件", "受影响组件", "产品", "component", "package", "packagename", "software", "product"),
    "当前版本": ("版本", "组件版本", "软件版本", "安装版本", "version", "installedversion", "packageversion"),
    "修复版本": ("安全版本", "目标版本", "fixedversion", "fixversion"),
    "修复建议": ("解决方案", "解决办法", "解决方法", "整改建议", "加固建议", "处置建议", "建议", "solution", "remediation", "fix"),
    "描述": ("漏洞描述", "详细描述", "漏洞详情", "详情", "说明", "备注", "description", "synopsis", "summary"),
    "证据": ("验证信息", "返回信息", "检测结果", "检测信息", "漏洞证据", "evidence", "pluginoutput", "results"),
    "类型": ("漏洞类型", "漏洞类别", "漏洞分类", "威胁分类", "category", "type"),
    "发现时间": ("首次发现时间", "检测时间", "扫描时间", "检出时间", "firstseen", "foundat", "scantime", "discovered"),
    "最近发现时间": ("最后发现时间", "最近检测时间", "最新发现时间", "lastseen", "lastfound", "lastdetected"),
    "状态": ("漏洞状态", "修复状态", "处理状态", "处置状态", "整改状态", "status", "state"),
})  # fmt: skip
_NAMES, _IDS = ("漏洞名称", "名称"), ("CVE编号", "CNVD编号", "CNNVD编号", "漏洞编号")
_CLOSED: Final = frozenset({
    "已修复", "已关闭", "已解决", "已整改", "已完成", "已消除", "已失效", "修复成功", "修复完成", "已修复待验证", "验证通过", "不存在",
    "fixed", "closed", "resolved", "remediated", "mitigated",
})  # fmt: skip
_IGNORED: Final = frozenset(
    {"已忽略", "忽略", "误报", "白名单", "已加白", "加白", "ignored", "falsepositive", "false positive"}
)
_MOST_IDS: Final = 50  # of a row: each is a finding with all that the row says
_NUMBER: Final = re.compile(r"\d{1,2}(?:\.\d+)?")
_LONGEST_ID: Final = 100  # of a vulnerability that only has a name


class FindingsCsv:
    """Sure where the Chinese header names an asset, a vulnerability and its level; other tables only if a person says so."""

    name = "findings_csv"
    title = "漏洞清单（Excel 或 CSV，一行是一个资产上的一个漏洞）"

    def sniff(self, head: bytes) -> float:
        known = _COLUMNS.known(head)
        if not known & {"IP", "主机名"} or not known & {*_NAMES, *_IDS}:
            return 0.0
        telling = _COLUMNS.known(head, chinese=True)
        if "风险等级" in telling and telling & {"漏洞名称", *_IDS}:
            return 0.95
        return 0.5 if known & {"漏洞名称", *_IDS} or "风险等级" in known else 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        yield from _COLUMNS.strange(source.head(options.limits))
        closed: Counter[str] = Counter()
        yield from convert(csv_rows(source, options.limits), partial(_row, options=options, closed=closed))
        if closed:
            shown = "、".join(sorted(closed))
            yield Rejected("状态", f"共 {closed.total()} 行的状态是{shown}，不是还要处理的漏洞，没有导入。")


def _row(value: Any, *, options: Options, closed: Counter[str]) -> Iterator[Record]:
    cells = _COLUMNS.cells(value)
    state = one(cells, "状态").lower()
    if state in _CLOSED:
        closed[state] += 1
        return
    title, ids = one(cells, "漏洞名称") or one(cells, "名称"), _ids(cells)
    if not ids and not title:
        raise BrokenRecord("这一行没有漏洞：请填写漏洞名称，或 CVE、CNVD、CNNVD 编号")
    asset = _asset(cells, options)
    score = _score(cells)
    for flaw, aliases in _flaws(ids, title):
        known = VulnerabilityRecord(
            vuln_id=flaw,
            aliases=aliases,
            title=shortened(title, 500),
            severity=level_in(cells, "风险等级", score.score if score else None),
            cvss=(score,) if score else (),
            source=options.source or "findings_csv",
        )
        yield known
        yield _finding(cells, known, asset, options)


def _ids(cells: Cells) -> tuple[str, ...]:
    """Every CVE, CNVD and CNNVD number, also of the name; BrokenRecord where there are too many."""
    found = aliases_in(*(cell for column in (*_IDS, *_NAMES) for cell in cells.get(column, ())))
    if len(found) > _MOST_IDS:
        raise BrokenRecord(f"这一行的漏洞编号超过 {_MOST_IDS} 个：请拆成几行")
    if any(len(each) > _LONGEST_ID for each in found):
        raise BrokenRecord(f"漏洞编号超过 {_LONGEST_ID} 个字符")
    return found


def _is_one(ids: tuple[str, ...]) -> bool:
    """At most one number of each list: they are names of one vulnerability."""
    lists = {each.partition("-")[0] for each in ids}
    return len(lists) == len(ids)


def _flaws(ids: tuple[str, ...], title: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(id, aliases): several CVEs are as many vulnerabilities; numbers of other lists are one CVE's other names."""
    cves = tuple(each for each in ids if each.startswith("CVE-"))
    if ids and _is_one(ids):
        yield primary_id(ids)
    else:
        yield from ((each, ()) for each in cves or ids or (shortened(title, _LONGEST_ID),))


def _finding(cells: Cells, known: VulnerabilityRecord, asset: AssetRecord, options: Options) -> FindingRecord:
    component, place = _component(cells, asset, known.source), _place(cells)
    named = f"{component.name}@{component.version}" if component else ""
    what = known.vuln_id if aliases_in(known.vuln_id) else known.title
    return FindingRecord(
        kind="vulnerability",
        key=(what, named, place),
        title=known.title or known.vuln_id,
        severity=known.severity,
        source=known.source,
        asset=asset,
        component=component,
        vulnerability=known.vuln_id,
        rule_id=shortened(one(cells, "漏洞编号"), 200),
        description=_description(cells),
        location=place,
        fixed_version=shortened(one(cells, "修复版本"), 500),
        evidence=_evidence(cells, known.title),
        remediation=shortened("\n".join(cells.get("修复建议", ())), 2000),
        suppressed=one(cells, "状态").lower() in _IGNORED,
        seen_at=moment_in(cells, "最近发现时间", options)
        or moment_in(cells, "发现时间", options)
        or options.received_at,
    )


def _asset(cells: Cells, options: Options) -> AssetRecord:
    """One host by its name and addresses. Several of a cell would be several hosts: nothing says which has what."""
    names = distinct(part for cell in cells.get("主机名", ()) for part in SEPARATORS.split(cell))
    addresses = addresses_in(cells, "IP")
    if len(names) > 1 or (not names and len(addresses) > max(1, len(cells.get("IP", ())))):
        raise BrokenRecord("这一行写了几个资产：请拆成几行，一行一个资产")
    if any(mark in name for name in names for mark in "/:") and not canonical_ip(names[0]):
        raise BrokenRecord(
            f"「主机名」不是主机名或 IP：{names[0][:60]}（网址、端口请写在「网址」「端口」列）"
        )
    found = host_asset(*names, ips=addresses, source=options.source or "findings_csv")
    if found := found or options.asset:
        return found
    raise BrokenRecord("这一行没有说明在哪个资产上：请填写 IP 或主机名，或在导入时指定资产")


def _score(cells: Cells) -> Cvss | None:
    """A number, a vector, or both in one cell or two."""
    if not cells.get("CVSS"):
        return None
    parts = [part for cell in cells["CVSS"] for part in re.split(r"[\s()（）,，;；]+", cell) if part]
    number = next((float(part) for part in parts if _NUMBER.fullmatch(part)), None)
    vector = next((part for part in parts if "/" in part and ":" in part), "")
    found = cvss(vector, number)
    if found is None:
        raise BrokenRecord(f"「CVSS」应当是 0 到 10 的数，或 CVSS 向量：{one(cells, 'CVSS')[:60]}")
    return found


def _component(cells: Cells, asset: AssetRecord, tool: str) -> ComponentRecord | None:
    name = shortened(one(cells, "组件"), 500)
    if not name:
        return None
    return ComponentRecord(name, shortened(one(cells, "当前版本"), 200), asset=asset, source=tool)


def _place(cells: Cells) -> str:
    port, protocol = one(cells, "端口"), one(cells, "协议").lower()
    service = port if "/" in port else "/".join(filter(None, (port, protocol)))
    return shortened(" ".join(filter(None, (one(cells, "网址"), service))), 1000)


def _description(cells: Cells) -> str:
    lines = [*cells.get("描述", ())]
    unnamed = () if cells.get("组件") else ("当前版本",)
    labels = ("类型", "资产名称", *unnamed)
    lines += [f"{label}：{word}" for label in labels if (word := one(cells, label))]
    if not _is_one(ids := _ids(cells)):
        lines.append(f"编号：{'、'.join(ids)}")
    state = one(cells, "状态")
    lines += [f"状态：{state}"] if state and state.lower() not in _IGNORED else []
    return shortened("\n".join(lines), 4000)


def _evidence(cells: Cells, title: str) -> str:
    """What the scanner saw, but where that may be the password that it found."""
    if not cells.get("证据"):
        return ""
    if SECRET.search(title) or SECRET.search(one(cells, "类型")):
        return HIDDEN
    return shortened("\n".join(cells["证据"]), 2000)


IMPORTER: Importer = FindingsCsv()
__all__ = ["IMPORTER", "FindingsCsv"]
