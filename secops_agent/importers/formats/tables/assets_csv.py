"""Assets from a spreadsheet (CSV, or xlsx which is read as CSV): Chinese or English headers in any order, as people keep them.

Needed is one column that identifies an asset. Several values of one cell are separated by comma, semicolon, 、, | or
a line break.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from secops_agent.importers.base import BrokenRecord, Importer, Options, Source, convert
from secops_agent.importers.reading.columns import Cells, Columns, header_cells, one, plain_header
from secops_agent.importers.reading.documents import csv_rows
from secops_agent.importers.values.assets import host_asset, image_asset, repository_asset, website_asset
from secops_agent.importers.values.fields import canonical_ip, distinct, shortened
from secops_agent.services.records import (
    AssetRecord,
    AssetType,
    Item,
    Key,
    KeyKind,
    Record,
    Severity,
    severity_of,
)

_COLUMNS = Columns({
    "hostname": ("hostname", "host", "主机名", "主机名称", "计算机名", "服务器名", "服务器名称", "主机"),
    "fqdn": ("fqdn", "dnsname", "域名", "完整域名"),
    "ips": (
        "ip", "ips", "ipaddress", "ipaddresses", "privateip", "publicip", "internalip", "externalip", "ip地址", "地址",
        "内网ip", "私网ip", "公网ip", "外网ip", "弹性公网ip", "管理ip", "业务ip", "内网地址", "公网地址",
    ),
    "macs": ("mac", "macs", "macaddress", "mac地址"),
    "cloud_id": ("cloudid", "instanceid", "resourceid", "实例id", "云实例id", "资源id", "云主机id"),
    "url": ("url", "website", "网址", "网站", "网站地址", "站点", "访问地址"),
    "image": ("image", "containerimage", "镜像", "容器镜像"),
    "repository": ("repository", "repo", "repourl", "代码仓库", "仓库", "仓库地址"),
    "account": ("account", "账号", "账户"),
    "name": ("name", "assetname", "资产名称", "名称", "资产", "资产名", "系统名称", "应用名称"),
    "type": ("type", "assettype", "类型", "资产类型", "类别", "资产类别"),
    "owner": ("owner", "responsible", "负责人", "责任人", "管理员", "运维负责人", "资产负责人"),
    "importance": ("importance", "criticality", "priority", "重要性", "重要程度", "重要级别", "重要等级", "资产等级"),
    "environment": ("environment", "env", "环境", "所属环境"),
    "tags": ("tags", "tag", "labels", "标签", "分组"),
    "description": ("description", "desc", "note", "notes", "remark", "remarks", "comment", "描述", "备注", "说明", "用途"),
    "os": ("os", "operatingsystem", "system", "操作系统", "系统", "系统版本"),
    "department": ("department", "dept", "team", "部门", "所属部门"),
    "business": ("business", "service", "业务", "业务系统", "所属业务"),
    "location": ("location", "idc", "机房", "位置", "物理位置", "地域", "区域"),
})  # fmt: skip
_IDENTITIES = ("hostname", "fqdn", "ips", "macs", "cloud_id", "url", "image", "repository", "account", "name")
_DESCRIBED = {"os": "操作系统", "department": "部门", "business": "业务", "location": "位置"}
_TYPES: dict[AssetType, tuple[str, ...]] = {
    "host": ("host", "server", "vm", "ecs", "主机", "服务器", "虚拟机", "云主机", "云服务器", "物理机", "终端", "数据库服务器"),
    "container_image": ("container_image", "container", "image", "镜像", "容器", "容器镜像"),
    "repository": ("repository", "repo", "代码仓库", "仓库"),
    "application": ("application", "app", "service", "应用", "应用系统", "业务系统", "系统", "数据库", "中间件"),
    "account": ("account", "user", "账号", "账户"),
    "website": ("website", "web", "site", "网站", "站点"),
    "network": ("network", "firewall", "router", "switch", "网络设备", "防火墙", "路由器", "交换机", "安全设备", "网络"),
    "cloud": ("cloud", "云资源", "云产品", "云服务"),
    "other": ("other", "其他", "其它"),
}  # fmt: skip
_TYPE_WORDS = {word: kind for kind, words in _TYPES.items() for word in words}
# Words of importance beyond those for severities; "级" behind a word is dropped.
_IMPORTANCE: dict[str, Severity] = {
    "核心": "critical", "关键": "critical", "极高": "critical", "非常重要": "critical", "很高": "critical",
    "重要": "high", "较高": "high", "一般": "medium", "普通": "medium", "normal": "medium", "中等": "medium",
    "次要": "low", "较低": "low", "不重要": "low", "很低": "info",
}  # fmt: skip
_FINDING_COLUMNS = (
    "cve",
    "cvss",
    "cwe",
    "plugin",
    "qid",
    "nvt",
    "vuln",
    "finding",
    "漏洞名称",
    "漏洞编号",
    "漏洞标题",
    "漏洞id",
    "插件",
)
_SEPARATORS = re.compile(r"[,;|，；、\r\n\t]+")
_MAC = re.compile(r"[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){5}")


class AssetsCsv:
    """Columns that nobody knows are named once, as a rejection of the header, and passed over.

    Sure where at most one column in four is not an asset list's; any other CSV is one only if a person says so.
    """

    name = "assets_csv"
    title = "资产表（Excel 或 CSV，中文或英文表头）"

    def sniff(self, head: bytes) -> float:
        header = [name for name in header_cells(head) if name]
        known = _COLUMNS.known(head)
        # A column that only a list of vulnerabilities has: its rows are no assets, whoever says so.
        if not known & set(_IDENTITIES) or any(
            plain_header(name).startswith(_FINDING_COLUMNS) for name in header
        ):
            return 0.0
        strange = sum(not _COLUMNS.of(name) for name in header)
        return 0.9 if len(known) > 1 and strange <= len(header) // 4 else 0.5

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        yield from _COLUMNS.strange(source.head(options.limits))
        yield from convert(csv_rows(source, options.limits), partial(_row, options=options))


def _row(value: Any, *, options: Options) -> Iterator[Record]:
    cells = _COLUMNS.cells(value)
    kind = _kind(cells)
    tool = options.source or "assets_csv"
    found = [asset for asset in _identities(cells, kind, tool) if asset]
    keys = tuple(dict.fromkeys(key for asset in found for key in asset.keys))
    name = one(cells, "name") or (found[0].name if found else "")
    if not keys and kind in ("application", "cloud", "other", "network") and name:
        single: KeyKind = "application" if kind == "application" else "other"
        keys = (Key(single, name),)
    if not keys:
        raise BrokenRecord("这一行没有能标识资产的内容：请至少填写主机名、IP、域名、实例ID、网址等之一")
    plain = AssetRecord(
        kind or (found[0].asset_type if found else "host"), name or keys[0].value, keys, source=tool
    )
    yield replace(
        plain,
        ips=distinct(address for asset in found for address in asset.ips),
        owner=one(cells, "owner"),
        importance=_importance(one(cells, "importance")) or "",
        tags=distinct(part.strip() for cell in cells.get("tags", ()) for part in _SEPARATORS.split(cell)),
        environment=one(cells, "environment"),
        description=_description(cells),
        seen_at=options.received_at,
    )


def _many(cells: Cells, column: str) -> tuple[str, ...]:
    """The parts of all cells of a column; blanks separate too."""
    return distinct(part for cell in cells.get(column, ()) for part in re.sub(_SEPARATORS, " ", cell).split())


def _kind(cells: Cells) -> AssetType | None:
    """Known words, also at the end of a longer one (Linux服务器). Another word says nothing of a machine or an address;
    what has no such thing is of another kind."""
    word = one(cells, "type").lower()
    if not word:
        return None
    if found := _known_type(word):
        return found
    return None if any(cells.get(column) for column in _IDENTITIES if column != "name") else "other"


def _known_type(word: str) -> AssetType | None:
    endings = sorted((each for each in _TYPE_WORDS if word.endswith(each) and not each.isascii()), key=len)
    return _TYPE_WORDS.get(word) or (_TYPE_WORDS[endings[-1]] if endings else None)


def _identities(cells: Cells, kind: AssetType | None, tool: str) -> Iterator[AssetRecord | None]:
    for name in _many(cells, "image"):
        yield image_asset((name,), (name,), tool)
    for address in _many(cells, "repository"):
        yield repository_asset(address, tool)
    for address in _many(cells, "url"):
        yield website_asset(address, tool)
    yield _host(cells, kind, tool)
    for name in _many(cells, "account"):
        yield AssetRecord("account", name, (Key("account", name),), source=tool)


def _host(cells: Cells, kind: AssetType | None, tool: str) -> AssetRecord | None:
    names = (*_many(cells, "hostname"), *_many(cells, "fqdn"))
    parts = [
        host_asset(
            name,
            ips=_addresses(cells),
            cloud_id=one(cells, "cloud_id"),
            macs=_macs(cells),
            source=tool,
        )
        for name in names or ("",)
    ]
    keys = tuple(dict.fromkeys(key for part in parts if part for key in part.keys))
    first = next((part for part in parts if part), None)
    if first is None and _is_named_host(cells, kind):
        return host_asset(one(cells, "name"), source=tool)
    return replace(first, keys=tuple(sorted(keys, key=lambda key: key.kind == "ip"))) if first else None


def _is_named_host(cells: Cells, kind: AssetType | None) -> bool:
    """A bare name is a host's when the list says host, or says nothing and gives nothing else."""
    if kind is not None:
        return kind == "host"
    return not any(cells.get(column) for column in ("url", "image", "repository", "account"))


def _addresses(cells: Cells) -> tuple[str, ...]:
    found = _many(cells, "ips")
    for address in found:
        if not canonical_ip(address):
            raise BrokenRecord(f"「IP」不是有效的地址：{address[:60]}")
    return found


def _macs(cells: Cells) -> tuple[str, ...]:
    found = _many(cells, "macs")
    for address in found:
        if not _MAC.fullmatch(address):
            raise BrokenRecord(f"「MAC」不是有效的地址：{address[:60]}")
    return found


def _importance(word: str) -> Severity | None:
    """None for a word that nobody knows (P1, 三级): it says nothing, and stays readable in the description."""
    plain = word.lower().removesuffix("级")
    found = _IMPORTANCE.get(plain) or (severity_of(plain) if plain else None)
    return None if found == "info" and plain not in ("info", "信息", "很低") else found


def _description(cells: Cells) -> str:
    parts = [*cells.get("description", ())]
    kind = one(cells, "type")
    if kind and not _known_type(kind.lower()):
        parts.append(f"类型：{kind}")
    grade = one(cells, "importance")
    if grade and _importance(grade) is None:
        parts.append(f"重要性：{grade}")
    parts += [
        f"{label}：{' '.join(one(cells, column).split())}"
        for column, label in _DESCRIBED.items()
        if cells.get(column)
    ]
    return shortened("\n".join(parts), 4000)


IMPORTER: Importer = AssetsCsv()
__all__ = ["IMPORTER", "AssetsCsv"]
