"""Suppression rules: lists, what one would suppress, and changes."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from secops_agent.api import access
from secops_agent.api.access import caller_of
from secops_agent.api.base import Form, Moment, Nothing, PageQuery, Text, Truth, View
from secops_agent.api.documentation import page_of
from secops_agent.api.fields import Output
from secops_agent.models.choices import Importance, Severity
from secops_agent.services.suppressions import rules, views
from secops_agent.services.suppressions.trials import SuppressionTrial, TriedAlert, try_out
from secops_agent.services.suppressions.views import SuppressionView

TAG = ["通知与值班"]
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


class SuppressionListView(View):
    """All rules."""

    needs = {"GET": access.READ_SUPPRESSIONS, "POST": access.WRITE_SUPPRESSIONS}

    @extend_schema(tags=TAG, operation_id="suppression_rules_list", summary="抑制规则列表", parameters=[PageQuery],
                   responses=page_of(SuppressionOut), description="按名称，游标翻页。")  # fmt: skip
    def get(self, request: Request) -> Response:
        """A page."""
        return self.page(views.search_suppressions(**self.read_query(PageQuery)), SuppressionOut)

    @extend_schema(tags=TAG, operation_id="suppression_rules_create", summary="新建抑制规则", request=SuppressionIn,
                   responses={201: SuppressionOut},
                   description="符合条件的告警照样入库、计数，但直接关闭、不通知。启用时先用最近 7 天的告警试算："
                   "会抑制判为真实攻击的告警而没有 acknowledge_attacks，返回 400。同名的返回 409。",
                   examples=[OpenApiExample("例行扫描", value={"name": "例行扫描", "reason": "每周的漏洞扫描", "enabled": True,
                                                         "severities": ["low"], "asset_tags": ["测试"]}, request_only=True)])  # fmt: skip
    def post(self, request: Request) -> Response:
        """A new one."""
        body = self.read_body(SuppressionIn)
        made = rules.create_suppression(body, caller_of(request).actor)
        return Response(SuppressionOut(views.view_suppression(made)).data, status=201)


class SuppressionTrialView(View):
    """What one would suppress."""

    needs = {"POST": access.READ_SUPPRESSIONS}

    @extend_schema(tags=TAG, operation_id="suppression_rules_trial", summary="试算抑制规则", request=SuppressionIn,
                   responses=TrialOut, description="最近 7 天入库的告警里它会抑制哪些；不写入任何东西。")  # fmt: skip
    def post(self, request: Request) -> Response:
        """Now."""
        entry = rules.read_suppression(self.read_body(SuppressionIn))
        return Response(TrialOut(try_out(entry.conditions)).data)


class SuppressionEndpoint(View):
    """One rule."""

    needs = {
        "GET": access.READ_SUPPRESSIONS, "PUT": access.WRITE_SUPPRESSIONS,
    }  # fmt: skip

    @extend_schema(tags=TAG, operation_id="suppression_rules_get", summary="一条抑制规则", responses=SuppressionOut,
                   description="条件、试算和抑制了多少。")  # fmt: skip
    def get(self, request: Request, rule_id: int) -> Response:
        """As it is."""
        self.read_query(Nothing)
        return Response(SuppressionOut(views.view_suppression(views.find_suppression(rule_id))).data)

    @extend_schema(tags=TAG, operation_id="suppression_rules_replace", summary="修改抑制规则", request=SuppressionIn,
                   responses=SuppressionOut, description="整条替换；启用的规则每次修改都重新试算。")  # fmt: skip
    def put(self, request: Request, rule_id: int) -> Response:
        """The whole."""
        given = self.read_body(SuppressionIn)
        saved = rules.save_suppression(given, caller_of(request).actor, rule=views.find_suppression(rule_id))
        return Response(SuppressionOut(views.view_suppression(saved)).data)


class SuppressionOffView(View):
    """The end of one."""

    needs = {"POST": access.WRITE_SUPPRESSIONS}

    @extend_schema(tags=TAG, operation_id="suppression_rules_off", summary="停用抑制规则", request=None,
                   responses=SuppressionOut, description="从现在起不再抑制；已经停用的返回 409。")  # fmt: skip
    def post(self, request: Request, rule_id: int) -> Response:
        """Now."""
        self.read_body(Nothing)
        rules.switch_off(rule_id, caller_of(request).actor)
        return Response(SuppressionOut(views.view_suppression(views.find_suppression(rule_id))).data)
