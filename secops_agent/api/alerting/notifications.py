"""Notification rules, rotas and silences: lists; a silence is made and ended."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from rest_framework import serializers

from secops_agent.api import access
from secops_agent.api.access import Caller
from secops_agent.api.base import Counts, Flag, Form, Moment, Nothing, PageQuery, Remark, Text
from secops_agent.api.endpoints import Endpoint, items, view_of
from secops_agent.api.fields import Output
from secops_agent.services.notifications import silences, views
from secops_agent.services.notifications.coverage import Coverage, coverage, known_value
from secops_agent.services.notifications.views import RuleView, SilenceView, TargetView
from secops_agent.services.on_call.duties import ShiftView, rotas

TAG: Final = "通知与值班"
LONGEST = 30 * 24 * 60


class TargetOut(Output):
    """Who is told."""

    view = TargetView
    told = {
        "kind": "种类：group person on_call next role webhook",
        "place": "名称",
        "config": "聊天配置",
        "step": "升级的第几步；空：立即",
        "last_error": "最近一次无法送达的原因和办法",
        "last_error_at": "它的时间",
        "doubt": "还不确定能否送达的原因和办法；空：没有",
    }


class RuleOut(Output):
    """A rule."""

    view = RuleView
    told = {
        "id": "编号",
        "name": "名称",
        "enabled": "启用",
        "conditions": serializers.DictField(
            child=serializers.JSONField(), help_text="条件，键与配置文件相同"
        ),
        "hours": serializers.DictField(
            child=serializers.JSONField(allow_null=True), help_text="什么时候可以发送"
        ),
        "group": serializers.DictField(
            child=serializers.IntegerField(),
            help_text="从第几条起（from）、多少秒以内（within_seconds）归并为一条消息",
        ),
        "escalate": "每一步升级前等待的分钟数",
        "repeat": "全部步骤再重复几次",
        "targets": TargetOut(many=True, help_text="目标"),
        "updated_at": "修改时间",
    }


class ShiftOut(Output):
    """A shift or a gap."""

    view = ShiftView
    told = {
        "staff_id": "员工 ID；空：没有人",
        "name": "姓名",
        "starts_at": "开始",
        "ends_at": "结束",
        "origin": "layer 轮班、override 临时换人、swap 换班、gap 无人、off 不排班",
    }


class RotaOut(Form):
    """A rota."""

    name = serializers.CharField(help_text="名称")
    enabled = serializers.BooleanField(help_text="启用")
    shifts = ShiftOut(many=True, help_text="从现在的班次起，四周以内")
    gaps = ShiftOut(many=True, help_text="两周内无人值班的时段（不排班的不算）")


class RotasOut(Form):
    """All rotas."""

    items = RotaOut(many=True, help_text="值班表，按名称")


class SilenceQuery(PageQuery):
    """Filters of the list."""

    active = Flag(default=False, help_text="true：只看生效中的。")


class SilenceOut(Output):
    """A silence."""

    view = SilenceView
    told = {
        "id": "编号",
        "scope": serializers.ChoiceField(choices=silences.SCOPES, help_text="范围"),
        "value": "对象",
        "active": "生效中",
        "starts_at": "开始",
        "ends_at": "结束",
        "reason": "原因",
        "made_by": "设置人",
        "held": "留存了多少条消息",
        "worst": "设置时已知的最高级别，更严重的照常通知；空：不分级别",
    }


class CoverageOut(Output):
    """What a silence covers now."""

    view = Coverage
    told = {
        "alerts": "未关闭的告警",
        "severities": Counts(help_text="其中各级别的条数"),
        "assets": "其中的资产，最多 5 个",
        "asset_count": "资产总数",
    }


class SilenceDetailOut(SilenceOut):
    """A silence, and what it covers now."""

    covers = CoverageOut(help_text="现在覆盖的告警")


class PreviewOut(Form):
    """What a silence would cover."""

    value = serializers.CharField(help_text="对象，按本系统的名称")
    covers = CoverageOut(help_text="现在覆盖的告警")


class PreviewQuery(Form):
    """A scope and what it names."""

    scope = serializers.ChoiceField(choices=silences.SCOPES, help_text="范围")
    value = serializers.CharField(default="", allow_blank=True, max_length=300, help_text="对象")


class SilenceIn(Form):
    """A silence to make."""

    scope = serializers.ChoiceField(
        choices=silences.SCOPES, help_text="范围：一条告警、资产、资产标签、来源、规则、全部"
    )
    value = Text(max_length=300, help_text="告警编号、资产名称、标签、来源或规则；范围是 all 时写「全部」")
    minutes = serializers.IntegerField(min_value=1, max_value=LONGEST, help_text="多少分钟，最多 30 天")
    reason = Remark(default="", max_length=300, help_text="原因")
    starts_at = Moment(default=None, allow_null=True, help_text="开始；不写：现在")
    weeks = serializers.IntegerField(
        default=1, min_value=1, max_value=silences.MOST_WEEKS, help_text="连续几周、每周一次"
    )


def _silence(caller: Caller, *, starts_at: datetime | None, **given: Any) -> SilenceView:
    made = silences.silence(actor=caller.actor, start=starts_at, **given)
    return views.view_silence(made, covers=True)


def _preview(caller: Caller, scope: str, value: str) -> Mapping[str, Any]:
    known = known_value(scope, value)
    return {"value": known, "covers": coverage(scope, known)}


def _end(caller: Caller, silence_id: int) -> SilenceView:
    views.get_silence(silence_id)
    silences.end(silence_id, caller.actor)
    return views.get_silence(silence_id)


PATHS: Final = {
    "notification-rules/": view_of(TAG, Endpoint(
        "GET", access.READ_RULES, "notification_rules_list", "通知规则列表", "规则、它们的目标，以及目标最近一次无法送达的原因；按名称，游标翻页。",
        lambda caller, **asked: views.search_rules(**asked), RuleOut, PageQuery, paged=True,
    )),
    "on-call/": view_of(TAG, Endpoint(
        "GET", access.READ_ON_CALL, "on_call_list", "谁在值班", "每张值班表现在由谁值班、接下来的班次，以及无人值班的时段。",
        lambda caller: items(rotas()), RotasOut, Nothing,
    )),
    "silences/": view_of(
        TAG,
        Endpoint(
            "GET", access.READ_SILENCES, "silences_list", "静默列表", "静默，新的在前，游标翻页。",
            lambda caller, **asked: views.search_silences(**asked), SilenceOut, SilenceQuery, paged=True,
        ),
        Endpoint(
            "POST", access.WRITE_SILENCES, "silences_create", "新建静默",
            "不发送它覆盖的告警消息，只计数，结束时汇总；告警仍在列表里。名称不存在返回 404。"
            "静默全部，或对同一对象合计超过 24 小时，需要「审批」角色。", _silence, SilenceDetailOut, SilenceIn, 201,
            example=("静默一台主机", {"scope": "asset", "value": "web-01", "minutes": 60, "reason": "发布"}),
        ),
    ),
    "silences/preview/": view_of(TAG, Endpoint(
        "GET", access.READ_SILENCES, "silences_preview", "静默会覆盖什么", "现在有多少未关闭的告警、哪些资产在这个范围内；不写入任何东西。",
        _preview, PreviewOut, PreviewQuery,
    )),
    "silences/<int:silence_id>/end/": view_of(TAG, Endpoint(
        "POST", access.WRITE_SILENCES, "silences_end", "结束静默", "现在结束；已经结束的返回 400。", _end, SilenceOut, Nothing,
    )),
}  # fmt: skip
