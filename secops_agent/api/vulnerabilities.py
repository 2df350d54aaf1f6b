"""Vulnerabilities: list, one by any of its names, and who is affected."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from secops_agent.api import access
from secops_agent.api.assets import AssetOut
from secops_agent.api.base import Flag, Form, PageQuery, View, choices, order, row_id, word
from secops_agent.api.documentation import page_of
from secops_agent.api.fields import HistoryOut, flat, texts
from secops_agent.models.choices import Severity
from secops_agent.services.faults import NotFound
from secops_agent.services.vulnerabilities import catalogue
from secops_agent.services.vulnerabilities.catalogue import ORDERS, VulnerabilityFilter

TAG = ["漏洞"]


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


class VulnerabilityOut(Form):
    """A vulnerability in a list."""

    id = serializers.IntegerField(help_text="编号；0：只有 EPSS 分数")
    vuln_id = serializers.CharField(help_text="CVE、GHSA、CNVD 等编号")
    title = serializers.CharField(help_text="标题")
    severity = serializers.ChoiceField(choices=Severity.choices, help_text="级别")
    score = serializers.FloatField(allow_null=True, help_text="CVSS 分数")
    epss = serializers.FloatField(allow_null=True, help_text="EPSS 概率 0..1")
    kev = serializers.BooleanField(help_text="是否已被利用（CISA KEV）")
    fix_available = serializers.BooleanField(help_text="是否已有修复版本")
    assets = serializers.IntegerField(help_text="受影响且未修复的资产数")
    published = serializers.DateTimeField(allow_null=True, help_text="发布时间")


class CvssOut(Form):
    """One score."""

    version = serializers.CharField(help_text="CVSS 版本")
    score = serializers.FloatField(help_text="分数")
    vector = serializers.CharField(help_text="向量")
    source = serializers.CharField(help_text="来源")  # type: ignore[assignment]  # a declared field


class AffectedOut(Form):
    """A range of versions."""

    ecosystem = serializers.CharField(help_text="生态")
    package = serializers.CharField(help_text="软件包")
    purl = serializers.CharField(help_text="purl")
    introduced = serializers.CharField(help_text="起始版本（含）")
    fixed = serializers.CharField(help_text="修复版本（不含）")
    last_affected = serializers.CharField(help_text="最后受影响版本（含）")
    raw = serializers.CharField(help_text="原文")
    range_type = serializers.CharField(help_text="范围类型")
    versions = texts("逐个列出的版本")


class KevOut(Form):
    """CISA's entry."""

    added = serializers.DateTimeField(allow_null=True, help_text="收录时间")
    due = serializers.DateTimeField(allow_null=True, help_text="修复期限")
    action = serializers.CharField(help_text="要求的措施")
    ransomware = serializers.BooleanField(help_text="是否用于勒索")


class VulnerabilityDetailOut(VulnerabilityOut):
    """A vulnerability with all that is stored."""

    aliases = texts("别名")
    description = serializers.CharField(help_text="说明")
    cvss = CvssOut(many=True, help_text="各来源的 CVSS")
    cwes = texts("CWE")
    affected = AffectedOut(many=True, help_text="受影响范围")
    fixed_versions = texts("修复版本")
    references = texts("参考链接")
    modified = serializers.DateTimeField(allow_null=True, help_text="修改时间")
    withdrawn = serializers.DateTimeField(allow_null=True, help_text="撤回时间")
    sources = texts("来源")
    kev = KevOut(allow_null=True, help_text="CISA KEV 条目；null：不在目录中")  # type: ignore[assignment]  # instead of the flag
    epss_percentile = serializers.FloatField(allow_null=True, help_text="EPSS 百分位 0..1")
    epss_date = serializers.DateTimeField(allow_null=True, help_text="EPSS 日期")
    updated_at = serializers.DateTimeField(help_text="我们的数据更新于")
    open_findings = serializers.IntegerField(help_text="未修复的发现数")
    affected_assets = serializers.IntegerField(help_text="受影响的资产数")
    history = HistoryOut(many=True, help_text="变更历史，新的在前")


class ExposedOut(Form):
    """An asset and why."""

    asset = AssetOut(help_text="资产")
    component = serializers.CharField(help_text="组件")
    version = serializers.CharField(help_text="版本")
    fixed_version = serializers.CharField(help_text="修复版本")
    reason = serializers.CharField(help_text="依据")
    sources = texts("谁说的；bifang 是我们自己的版本比对")


class ExposureOut(Form):
    """Three answers."""

    vuln_id = serializers.CharField(help_text="编号")
    known = serializers.BooleanField(help_text="false：没有这个漏洞的资料")
    affected = ExposedOut(many=True, help_text="受影响")
    unaffected = ExposedOut(many=True, help_text="不受影响")
    unknown = ExposedOut(many=True, help_text="无法判断")
    updated_at = serializers.DateTimeField(allow_null=True, help_text="资料更新于")


class VulnerabilityListView(View):
    """All vulnerabilities."""

    needs = {"GET": access.READ_VULNERABILITIES}

    @extend_schema(tags=TAG, operation_id="vulnerabilities_list", summary="漏洞列表", parameters=[VulnerabilityQuery],
                   responses=page_of(VulnerabilityOut), description="默认只列我们的资产上未修复的漏洞，先 KEV，再级别，再 EPSS。")  # fmt: skip
    def get(self, request: Request) -> Response:
        """A page."""
        asked = self.read_query(VulnerabilityQuery)
        wanted = VulnerabilityFilter(
            severities=tuple(asked.pop("severity")), order=asked.pop("ordering"), **asked
        )
        return self.page(catalogue.search(wanted), VulnerabilityOut)


class VulnerabilityView(View):
    """One vulnerability."""

    needs = {"GET": access.READ_VULNERABILITIES}

    @extend_schema(tags=TAG, operation_id="vulnerabilities_get", summary="漏洞详情", responses=VulnerabilityDetailOut,
                   description="用 CVE、GHSA、CNVD、CNNVD 等任一编号查询，大小写不限；没有资料时返回 404。")  # fmt: skip
    def get(self, request: Request, vuln_id: str) -> Response:
        """By any of its names."""
        found = catalogue.lookup(vuln_id)
        if found is None:
            raise NotFound(f"没有 {vuln_id[:60]} 的资料：请先导入公告（osv、cnvd、kev）或扫描结果。")
        return Response(VulnerabilityDetailOut(flat(found)).data)


class ExposureView(View):
    """Who is affected."""

    needs = {"GET": access.READ_VULNERABILITIES}

    @extend_schema(tags=TAG, operation_id="vulnerabilities_affected_assets", summary="受影响的资产", responses=ExposureOut,
                   description="受影响、不受影响、无法判断三组，每个资产都有依据；known 为 false 表示没有这个漏洞的资料。")  # fmt: skip
    def get(self, request: Request, vuln_id: str) -> Response:
        """Three answers."""
        return Response(ExposureOut(catalogue.affected_assets(vuln_id)).data)
