"""Suppression rules: lists, what one would suppress, and changes."""

from typing import Any, Final

from rest_framework import serializers

from secops_agent.api import access
from secops_agent.api.access import Caller
from secops_agent.api.base import Form, Moment, Nothing, PageQuery, Text, Truth
from secops_agent.api.endpoints import Endpoint, view_of
from secops_agent.api.fields import Output
from secops_agent.models import SuppressionRule
from secops_agent.models.choices import Importance, Severity
from secops_agent.services.suppressions import rules, views
from secops_agent.services.suppressions.trials import SuppressionTrial, TriedAlert, try_out
from secops_agent.services.suppressions.views import SuppressionView

TAG: Final = "通知与值班"
MOST = 50


def _names(help_text: str, **more: Any) -> serializers.ListField:
    return serializers.ListField(
        child=Text(max_length=300),
        required=False,
        max_length=MOST,
        help_text=help_text,
        **more,
    )


class SuppressionIn(Form):
    """A rule, its conditions as in notification rules."""

    name = Text(max_length=100, help_text="名称")
    enabled = Truth(default=False, help_text="启用；含严重、高危或没有写级别时需要「审批」角色")
    reason = Text(max_length=300, help_text="原因")
    expires_at = Moment(default=None, allow_null=True, help_text="有效期至；不写：一直有效")
    acknowledge_attacks = Truth(default=False, help_text="试算里有判为真实攻击的告警时，确认仍要启用")
    severities = serializers.ListField(
        child=serializers.ChoiceField(choices=Severity.choices), required=False, help_text="级别"
    )
    sources = _names("来源")
    rules = _names("检测规则的名称或编号")
    asset_tags = _names("资产标签")
    importance = serializers.ListField(
        child=serializers.ChoiceField(choices=Importance.choices), required=False, help_text="资产重要性"
    )
    owners = _names("资产负责人的员工 ID")


class SuppressionOut(Output):
    """A rule."""

    view = SuppressionView
    told = {
        "id": "编号",
        "name": "名称",
        "enabled": "启用",
        "conditions": serializers.DictField(
            child=serializers.JSONField(), help_text="条件，键与通知规则相同"
        ),
        "reason": "原因",
        "expires_at": "有效期至",
        "hits": "抑制了多少次",
        "last_hit_at": "最近一次",
        "trial": serializers.DictField(child=serializers.JSONField(), help_text="启用时的试算"),
        "made_by": "创建人",
        "enabled_by": "启用人",
        "updated_at": "修改时间",
    }


class TriedOut(Output):
    """An alert that a rule would have suppressed."""

    view = TriedAlert
    told = {
        "id": "告警编号",
        "title": "标题",
        "severity": "级别",
        "verdict": "结论",
        "last_seen": "最近发生",
    }


class TrialOut(Output):
    """What the last days say."""

    view = SuppressionTrial
    told = {
        "days": "看了最近几天入库的告警",
        "alerts": "会抑制多少条",
        "attacks": "其中人员判为真实攻击的",
        "listed": "符合条件、但命中情报清单因而不抑制的",
        "capped": "只看了最近 20000 条，实际更多",
        "examples": TriedOut(many=True, help_text="最近的 10 条"),
        "attack_examples": TriedOut(many=True, help_text="判为真实攻击的，最多 10 条"),
    }


def _view(rule: SuppressionRule) -> SuppressionView:
    return views.view_suppression(rule)


def _off(caller: Caller, rule_id: int) -> SuppressionView:
    rules.switch_off(rule_id, caller.actor)
    return _view(views.find_suppression(rule_id))


_ONE: Final = "suppression-rules/<int:rule_id>/"
PATHS: Final = {
    "suppression-rules/": view_of(
        TAG,
        Endpoint(
            "GET", access.READ_SUPPRESSIONS, "suppression_rules_list", "抑制规则列表", "按名称，游标翻页。",
            lambda caller, **asked: views.search_suppressions(**asked), SuppressionOut, PageQuery, paged=True,
        ),
        Endpoint(
            "POST", access.WRITE_SUPPRESSIONS, "suppression_rules_create", "新建抑制规则",
            "符合条件的告警照样入库、计数，但直接关闭、不通知。启用时先用最近 7 天的告警试算："
            "会抑制判为真实攻击的告警而没有 acknowledge_attacks，返回 400。同名的返回 409。",
            lambda caller, **given: _view(rules.create_suppression(given, caller.actor)), SuppressionOut, SuppressionIn, 201,
            example=("例行扫描", {"name": "例行扫描", "reason": "每周的漏洞扫描", "enabled": True, "severities": ["low"], "asset_tags": ["测试"]}),
        ),
    ),
    "suppression-rules/trial/": view_of(TAG, Endpoint(
        "POST", access.READ_SUPPRESSIONS, "suppression_rules_trial", "试算抑制规则", "最近 7 天入库的告警里它会抑制哪些；不写入任何东西。",
        lambda caller, **given: try_out(rules.read_suppression(given).conditions), TrialOut, SuppressionIn,
    )),
    _ONE: view_of(
        TAG,
        Endpoint(
            "GET", access.READ_SUPPRESSIONS, "suppression_rules_get", "一条抑制规则", "条件、试算和抑制了多少。",
            lambda caller, rule_id: _view(views.find_suppression(rule_id)), SuppressionOut, Nothing,
        ),
        Endpoint(
            "PUT", access.WRITE_SUPPRESSIONS, "suppression_rules_replace", "修改抑制规则", "整条替换；启用的规则每次修改都重新试算。",
            lambda caller, rule_id, **given: _view(rules.save_suppression(given, caller.actor, rule=views.find_suppression(rule_id))),
            SuppressionOut, SuppressionIn,
        ),
    ),
    f"{_ONE}off/": view_of(TAG, Endpoint(
        "POST", access.WRITE_SUPPRESSIONS, "suppression_rules_off", "停用抑制规则", "从现在起不再抑制；已经停用的返回 409。", _off, SuppressionOut, Nothing,
    )),
}  # fmt: skip
