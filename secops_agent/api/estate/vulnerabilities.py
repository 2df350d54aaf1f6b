"""Vulnerabilities: list, one by any of its names, and who is affected."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from rest_framework import serializers

from secops_agent.api import access
from secops_agent.api.access import Caller
from secops_agent.api.base import Flag, PageQuery, choices, order, row_id, word
from secops_agent.api.endpoints import Endpoint, view_of
from secops_agent.api.estate.assets import AssetOut
from secops_agent.api.fields import HistoryOut, Output, flat
from secops_agent.models.choices import Severity
from secops_agent.services.faults import NotFound
from secops_agent.services.pages import Page
from secops_agent.services.records import Affected, Cvss, Kev
from secops_agent.services.vulnerabilities import catalogue
from secops_agent.services.vulnerabilities.catalogue import ORDERS, VulnerabilityFilter
from secops_agent.services.vulnerabilities.views import (
    ExposedAsset,
    Exposure,
    VulnerabilityDetail,
    VulnerabilitySummary,
)

TAG: Final = "漏洞"


class VulnerabilityQuery(PageQuery):
    """Filters of the list."""

    severity = choices(Severity.choices, "级别；可重复，或用逗号分隔。")
    kev_only = Flag(default=False, help_text="只看已被利用（CISA KEV）的。")
    fix_available = Flag(default=None, allow_null=True, help_text="是否已有修复版本。")
    present_only = Flag(default=True, help_text="只看我们的资产上还没修复的。")
    asset = word("资产的名称、IP、域名或编号；不存在时返回 404。")
    asset_id = row_id("资产的编号。")
    keyword = word("编号、别名、标题、组件名称中的文字。")
    ordering = order(ORDERS, "-priority", "排序：-priority 先 KEV，再级别，再 EPSS；priority 倒过来。")


class VulnerabilityOut(Output):
    """A vulnerability in a list."""

    view: ClassVar[type] = VulnerabilitySummary
    told = {
        "id": "编号；0：只有 EPSS 分数",
        "vuln_id": "CVE、GHSA、CNVD 等编号",
        "title": "标题",
        "severity": serializers.ChoiceField(choices=Severity.choices, help_text="级别"),
        "score": "CVSS 分数",
        "epss": "EPSS 概率 0..1",
        "kev": "是否已被利用（CISA KEV）",
        "fix_available": "是否已有修复版本",
        "assets": "受影响且未修复的资产数",
        "published": "发布时间",
    }


class CvssOut(Output):
    """One score."""

    view = Cvss
    told = {
        "version": "CVSS 版本",
        "score": "分数",
        "vector": "向量",
        "source": "来源",
    }


class AffectedOut(Output):
    """A range of versions."""

    view = Affected
    told = {
        "ecosystem": "生态",
        "package": "软件包",
        "purl": "purl",
        "introduced": "起始版本（含）",
        "fixed": "修复版本（不含）",
        "last_affected": "最后受影响版本（含）",
        "raw": "原文",
        "range_type": "范围类型",
        "versions": "逐个列出的版本",
    }


class KevOut(Output):
    """CISA's entry."""

    view = Kev
    told = {
        "added": "收录时间",
        "due": "修复期限",
        "action": "要求的措施",
        "ransomware": "是否用于勒索",
    }


class VulnerabilityDetailOut(VulnerabilityOut):
    """A vulnerability with all that is stored."""

    view = VulnerabilityDetail
    told = {
        "aliases": "别名",
        "description": "说明",
        "cvss": CvssOut(many=True, help_text="各来源的 CVSS"),
        "cwes": "CWE",
        "affected": AffectedOut(many=True, help_text="受影响范围"),
        "fixed_versions": "修复版本",
        "references": "参考链接",
        "modified": "修改时间",
        "withdrawn": "撤回时间",
        "sources": "来源",
        "kev": KevOut(allow_null=True, help_text="CISA KEV 条目；null：不在目录中"),
        "epss_percentile": "EPSS 百分位 0..1",
        "epss_date": "EPSS 日期",
        "updated_at": "我们的数据更新于",
        "open_findings": "未修复的发现数",
        "affected_assets": "受影响的资产数",
        "history": HistoryOut(many=True, help_text="变更历史，新的在前"),
    }


class ExposedOut(Output):
    """An asset and why."""

    view = ExposedAsset
    told = {
        "asset": AssetOut(help_text="资产"),
        "component": "组件",
        "version": "版本",
        "fixed_version": "修复版本",
        "reason": "依据",
        "sources": "谁说的；bifang 是我们自己的版本比对",
    }


class ExposureOut(Output):
    """Three answers."""

    view = Exposure
    told = {
        "vuln_id": "编号",
        "known": "false：没有这个漏洞的资料",
        "affected": ExposedOut(many=True, help_text="受影响"),
        "unaffected": ExposedOut(many=True, help_text="不受影响"),
        "unknown": ExposedOut(many=True, help_text="无法判断"),
        "updated_at": "资料更新于",
    }


def _list(caller: Caller, severity: Sequence[str], ordering: str, **asked: Any) -> Page[VulnerabilitySummary]:
    return catalogue.search(VulnerabilityFilter(severities=tuple(severity), order=ordering, **asked))


def _detail(caller: Caller, vuln_id: str) -> Mapping[str, Any]:
    found = catalogue.lookup(vuln_id)
    if found is None:
        raise NotFound(f"没有 {vuln_id[:60]} 的资料：请先导入公告（osv、cnvd、kev）或扫描结果。")
    return flat(found)


PATHS: Final = {
    "vulnerabilities/": view_of(TAG, Endpoint(
        "GET", access.READ_VULNERABILITIES, "vulnerabilities_list", "漏洞列表", "默认只列我们的资产上未修复的漏洞，先 KEV，再级别，再 EPSS。",
        _list, VulnerabilityOut, VulnerabilityQuery, paged=True,
    )),
    "vulnerabilities/<str:vuln_id>/": view_of(TAG, Endpoint(
        "GET", access.READ_VULNERABILITIES, "vulnerabilities_get", "漏洞详情",
        "用 CVE、GHSA、CNVD、CNNVD 等任一编号查询，大小写不限；没有资料时返回 404。", _detail, VulnerabilityDetailOut,
    )),
    "vulnerabilities/<str:vuln_id>/affected-assets/": view_of(TAG, Endpoint(
        "GET", access.READ_VULNERABILITIES, "vulnerabilities_affected_assets", "受影响的资产",
        "受影响、不受影响、无法判断三组，每个资产都有依据；known 为 false 表示没有这个漏洞的资料。",
        lambda caller, vuln_id: catalogue.affected_assets(vuln_id), ExposureOut,
    )),
}  # fmt: skip
