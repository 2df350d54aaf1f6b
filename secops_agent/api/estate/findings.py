"""Findings: list, detail, and what people decide."""

from typing import Any, ClassVar, Final

from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers

from secops_agent.api import access
from secops_agent.api.access import Caller
from secops_agent.api.base import Flag, Nothing, PageQuery, choices, order, row_id, word
from secops_agent.api.endpoints import Endpoint, view_of
from secops_agent.api.fields import HistoryOut, NoteIn, Output, Ref, flat
from secops_agent.models.choices import (
    FindingDecision,
    FindingKind,
    FindingState,
    Severity,
    VexJustification,
    VexStatus,
)
from secops_agent.services.pages import Page
from secops_agent.services.vulnerabilities import findings
from secops_agent.services.vulnerabilities.findings import ORDERS, FindingFilter
from secops_agent.services.vulnerabilities.openvex import vex
from secops_agent.services.vulnerabilities.states import SECOND
from secops_agent.services.vulnerabilities.views import FindingDetail, FindingSummary, StatementView

TAG: Final = "发现"


class FindingQuery(PageQuery):
    """Filters of the list."""

    kind = choices(FindingKind.choices, "种类；可重复，或用逗号分隔。")
    severity = choices(Severity.choices, "级别；可重复，或用逗号分隔。")
    state = choices(FindingState.choices, "状态；不给时只看仍需处理的。")
    decision = serializers.ChoiceField(
        choices=FindingDecision.choices, default=None, allow_null=True, help_text="处理决定。"
    )
    source = word("来源，完整匹配，例如 trivy。")  # type: ignore[assignment]  # a declared field
    asset = word("资产的名称、IP、域名或编号；不存在时返回 404。")
    asset_id = row_id("资产的编号。")
    vulnerability = word("漏洞编号或别名。")
    kev_only = Flag(default=False, help_text="只看已被利用（CISA KEV）的。")
    fix_available = Flag(default=None, allow_null=True, help_text="是否已有修复版本。")
    overdue = Flag(default=False, help_text="只看超过修复时限的。")
    keyword = word("标题、规则、位置、组件名称中的文字。")
    ordering = order(ORDERS, "-priority", "排序：-priority 先 KEV，再级别，再 EPSS；priority 倒过来。")


class FindingOut(Output):
    """A finding in a list."""

    view: ClassVar[type] = FindingSummary
    told = {
        "id": "编号",
        "kind": serializers.ChoiceField(choices=FindingKind.choices, help_text="种类"),
        "title": "标题",
        "severity": serializers.ChoiceField(choices=Severity.choices, help_text="级别"),
        "state": serializers.ChoiceField(choices=FindingState.choices, help_text="状态"),
        "decision": serializers.ChoiceField(
            choices=FindingDecision.choices, allow_blank=True, help_text="处理决定；空：没有"
        ),
        "justification": serializers.ChoiceField(
            choices=VexJustification.choices, allow_blank=True, help_text="不受影响的理由（OpenVEX）"
        ),
        "until": "接受风险到什么时候，到期恢复为待处理；空：不限",
        "asset": Ref(help_text="资产"),
        "component": "组件",
        "version": "组件版本",
        "vulnerability": "漏洞编号；其他种类为空",
        "kev": "是否已被利用（CISA KEV）",
        "epss": "EPSS 概率 0..1",
        "rule_id": "规则",
        "fixed_version": "修复版本",
        "source": "来源",
        "first_seen": "首次发现",
        "last_seen": "最近发现",
        "due_at": "修复时限",
        "overdue": "是否已超时",
    }


class StatementOut(Output):
    """What a VEX document says."""

    view = StatementView
    told = {
        "author": "谁说的",
        "status": serializers.ChoiceField(choices=VexStatus.choices, help_text="状态（OpenVEX）"),
        "justification": "不受影响的理由",
        "note": "说明",
        "action": "怎么做",
        "product": "说的是哪个产品",
        "document": "文件的编号",
        "version": "文件的版本",
        "said_at": "什么时候说的",
    }


class FindingDetailOut(FindingOut):
    """A finding with all that is known."""

    view = FindingDetail
    told = {
        "description": "说明",
        "location": "位置",
        "remediation": "修复建议",
        "references": "参考链接",
        "suppressed": "工具中已忽略",
        "gone_at": "消失时间",
        "evidence": "证据；没有权限看时为空",
        "history": HistoryOut(many=True, help_text="变更历史，新的在前"),
        "statements": StatementOut(many=True, help_text="供应商的声明（CSAF、OpenVEX）"),
    }


class DecideIn(NoteIn):
    """What is decided."""

    decision = serializers.ChoiceField(
        choices=FindingDecision.choices, allow_blank=True, help_text="决定；空字符串表示撤回。"
    )
    until = serializers.DateTimeField(
        default=None,
        allow_null=True,
        help_text="接受风险到什么时候，最长一年；不写：90 天以后。到期恢复为待处理。",
    )
    justification = serializers.ChoiceField(
        choices=VexJustification.choices,
        default="",
        allow_blank=True,
        help_text="不受影响的理由（OpenVEX），不受影响时必须写。",
    )


def _list(caller: Caller, **asked: Any) -> Page[FindingSummary]:
    wanted = FindingFilter(
        kinds=tuple(asked.pop("kind")), severities=tuple(asked.pop("severity")), states=tuple(asked.pop("state")),
        order=asked.pop("ordering"), **asked,
    )  # fmt: skip
    return findings.search(wanted)


PATHS: Final = {
    "findings/": view_of(TAG, Endpoint(
        "GET", access.READ_FINDINGS, "findings_list", "发现列表", "默认只列仍需处理的发现，先 KEV，再级别，再 EPSS，游标翻页。",
        _list, FindingOut, FindingQuery, paged=True,
    )),
    "findings/openvex/": view_of(TAG, Endpoint(
        "GET", access.READ_FINDINGS, "findings_openvex", "导出 OpenVEX",
        "人的全部处理决定，一份 OpenVEX 0.2.0 文件，最多 20000 条，新的在前。导入到本系统不改变任何东西，导入到另一个系统成为声明。",
        lambda caller: vex.document(), OpenApiTypes.OBJECT, Nothing,
    )),
    "findings/<int:finding_id>/": view_of(TAG, Endpoint(
        "GET", access.READ_FINDINGS, "findings_get", "发现详情",
        "一个发现的全部内容，包括证据和变更历史。证据要「分析」角色或审计员；没有归属用户的令牌看不到。",
        lambda caller, finding_id: flat(findings.get(finding_id, private=caller.private)), FindingDetailOut,
    )),
    "findings/<int:finding_id>/decision/": view_of(TAG, Endpoint(
        "POST", access.WRITE_FINDINGS, "findings_decide", "处理决定",
        f"修复中、接受风险、误报、OpenVEX 的四种状态，或撤回；之后的导入不会覆盖。已经是这个决定、不能由一个人决定（{SECOND}，在网页或聊天里提出）时返回 409。",
        lambda caller, finding_id, **given: findings.decide(finding_id, actor=caller.actor, **given), FindingOut, DecideIn,
        example=("接受风险", {"decision": "accepted", "note": "内网隔离，下季度升级"}),
    )),
}  # fmt: skip
