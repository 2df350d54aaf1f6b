"""Alerts: list, detail, statistics."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from secops_agent.api import access
from secops_agent.api.access import Caller
from secops_agent.api.base import (
    ConditionsQuery,
    Form,
    PageQuery,
    Text,
    View,
    order,
    values_of,
)
from secops_agent.api.endpoints import Endpoint, view_of
from secops_agent.api.fields import HistoryOut, NoteIn, Output, Ref, flat, texts
from secops_agent.models.choices import AlertStatus, IndicatorKind, Outcome, Severity, Verdict
from secops_agent.services.alerts import triage
from secops_agent.services.alerts.queries.filters import ALERTS, CURSOR_ORDERS, AlertFilter
from secops_agent.services.alerts.queries.statistics import Statistics
from secops_agent.services.alerts.triage import GROUPINGS
from secops_agent.services.alerts.views import AlertDetail, AlertSummary
from secops_agent.services.intelligence.matching import ListedView
from secops_agent.services.pages import Page

TAG: Final = "告警"
EXAMPLE = {
    "id": 12, "title": "SSH 暴力破解", "severity": "high", "status": "open", "verdict": "", "source": "wazuh",
    "rule_id": "5763", "rule_name": "sshd brute force", "confidence": 80, "assets": [{"id": 3, "name": "web-01"}],
    "assignee": "李四", "assignee_id": 2, "first_seen": "2026-11-24T08:00:00+08:00",
    "last_seen": "2026-11-24T09:30:00+08:00", "count": 37, "due_at": "2026-11-25T08:00:00+08:00", "overdue": False,
}  # fmt: skip


class AlertFilterQuery(ConditionsQuery):
    """Which alerts: the filters of the list and of the statistics."""

    listing = ALERTS


class AlertQuery(AlertFilterQuery, PageQuery):
    """Filters of the list."""

    ordering = order(CURSOR_ORDERS, "-last_seen", "排序：-last_seen 最新的在前，last_seen 最早的在前。")


def _filter(asked: dict[str, Any], caller: Caller) -> AlertFilter:
    """From checked parameters, for this caller."""
    return AlertFilter(**values_of(ALERTS, asked), private=caller.private)


class AlertOut(Output):
    """An alert in a list."""

    view: ClassVar[type] = AlertSummary
    told = {
        "id": "编号",
        "title": "标题",
        "severity": serializers.ChoiceField(choices=Severity.choices, help_text="级别"),
        "status": serializers.ChoiceField(choices=AlertStatus.choices, help_text="状态"),
        "verdict": serializers.ChoiceField(
            choices=Verdict.choices, allow_blank=True, help_text="结论；空：未下结论"
        ),
        "source": "来源",
        "rule_id": "规则编号",
        "rule_name": "规则",
        "confidence": "置信度 0..100",
        "assets": Ref(many=True, help_text="涉及的资产"),
        "assignee": "处理人；空：未分配",
        "assignee_id": "处理人的编号",
        "first_seen": "首次发生",
        "last_seen": "最近发生",
        "count": "发生次数",
        "due_at": "处理时限",
        "overdue": "是否已超时",
        "silenced_until": "静默到何时；空：没有静默",
        "outcome": serializers.ChoiceField(
            choices=Outcome.choices, allow_blank=True, help_text="是否得手；空：不知道"
        ),
        "way": "从哪个地址到哪个地址；空：不知道",
    }


class IndicatorOut(Form):
    """An observable."""

    kind = serializers.ChoiceField(choices=IndicatorKind.choices, help_text="种类")
    value = serializers.CharField(help_text="值")


class ListedOut(Output):
    """What a list of indicators says; its texts are data that somebody else wrote."""

    view = ListedView
    told = {
        "list": "清单",
        "kind": "条目的种类：ip cidr domain url hash email account",
        "value": "条目的值",
        "note": "说明",
        "origin": "出处",
        "expires_at": "有效期至；空：长期",
    }


class ListedHitOut(ListedOut):
    """An entry that names something in an alert."""

    observed = texts("告警里的指标：种类和值")


class AlertDetailOut(AlertOut):
    """An alert with all that is known."""

    view = AlertDetail
    told = {
        "description": "说明",
        "indicators": IndicatorOut(many=True, help_text="指标"),
        "mentions": IndicatorOut(
            many=True, help_text="只在标题或说明里写到的指标；只用来查找，不参与情报比对和抑制"
        ),
        "listed": ListedHitOut(many=True, help_text="命中的情报清单，最多 30 条"),
        "techniques": "ATT&CK 技术编号",
        "references": "参考链接",
        "acknowledged_at": "确认时间",
        "closed_at": "关闭时间",
        "closed_by": "关闭人，由接口关闭的写明令牌的名称；空：没有关闭，或不知道是谁",
        "recurred": "关闭之后又发生的次数",
        "raw": serializers.DictField(
            allow_null=True, help_text="来源的原始事件（最近一次）；没有权限看时为空"
        ),
        "history": HistoryOut(many=True, help_text="变更历史，新的在前"),
    }


class StatisticsQuery(AlertFilterQuery):
    """What is counted."""

    group_by = serializers.ChoiceField(
        choices=list(GROUPINGS.items()), default="severity", help_text="按什么统计。"
    )
    limit = serializers.IntegerField(min_value=1, max_value=200, default=20, help_text="最多多少组。")


class GroupOut(Form):
    """One line."""

    value = serializers.CharField(help_text="筛选用的值")
    label = serializers.CharField(help_text="显示用的名称")  # type: ignore[assignment]  # a declared field, not the base class's attribute
    count = serializers.IntegerField(help_text="告警数")


class StatisticsOut(Output):
    """Alerts by group."""

    view = Statistics
    told = {
        "total": "告警总数",
        "group_by": "按什么统计",
        "groups": GroupOut(many=True, help_text="各组"),
        "group_count": "一共有多少组",
        "since": "从",
        "until": "到",
        "sampled": "很多告警都有的关键字只数最新的 5000 条，数字是至少有多少",
    }


def _list(caller: Caller, ordering: str, limit: int, cursor: str, **asked: Any) -> Page[AlertSummary]:
    return triage.search(replace(_filter(asked, caller), order=ordering, limit=limit, cursor=cursor))


def _detail(caller: Caller, alert_id: int) -> Mapping[str, Any]:
    return flat(triage.get(alert_id, private=caller.private))


def _statistics(caller: Caller, group_by: str, limit: int, **asked: Any) -> Statistics:
    return triage.statistics(_filter(asked, caller), group_by, limit)


# Alerts: what people and programs do with them.


class AssignIn(NoteIn):
    """Who shall look after it."""

    assignee = Text(max_length=100, help_text="处理人的员工 ID 或姓名。")


class CloseIn(NoteIn):
    """What it was."""

    verdict = serializers.ChoiceField(choices=Verdict.choices, help_text="结论。")


class CommentIn(Form):
    """A remark."""

    note = Text(max_length=2000, help_text="备注。")


def _act(
    do: Callable[..., AlertSummary], summary: str, description: str, takes: type[Form] = NoteIn,
    example: tuple[str, Any] | None = None,
) -> type[View]:  # fmt: skip
    """Something done to an alert, which answers how it is then; ``do`` takes what is in the body by name."""

    def act(caller: Caller, alert_id: int, **given: Any) -> AlertSummary:
        return do(alert_id, actor=caller.actor, **given)

    return view_of(TAG, Endpoint("POST", access.WRITE_ALERTS, f"alerts_{do.__name__}", summary, description, act, AlertOut, takes, example=example))  # fmt: skip


_ONE: Final = "alerts/<int:alert_id>/"
PATHS: Final = {
    "alerts/": view_of(TAG, Endpoint(
        "GET", access.READ_ALERTS, "alerts_list", "告警列表",
        "按筛选条件列出告警，新的在前，游标翻页。total 最多数到 1000，total_capped 为 true 表示不止这些；"
        "很多告警都有的关键字只数最新的 800 条，total 是至少有多少。", _list, AlertOut, AlertQuery, paged=True,
        example=OpenApiExample("一页", value={"items": [EXAMPLE], "total": 1, "total_capped": False, "next_cursor": "", "next": None}),
    )),
    "alerts/statistics/": view_of(TAG, Endpoint(
        "GET", access.READ_ALERTS, "alerts_statistics", "告警统计", "按 group_by 统计告警数，筛选与列表相同。", _statistics, StatisticsOut, StatisticsQuery,
    )),
    _ONE: view_of(TAG, Endpoint(
        "GET", access.READ_ALERTS, "alerts_get", "告警详情",
        "一条告警的全部内容，包括指标、原始事件和变更历史。账号、邮箱和原始事件要「分析」角色或审计员；没有归属用户的令牌看不到。", _detail, AlertDetailOut,
    )),
    f"{_ONE}acknowledge/": _act(triage.acknowledge, "确认告警", "表示有人在处理：未处理 → 处理中；其他状态返回 409。"),
    f"{_ONE}assign/": _act(
        triage.assign, "指派告警", "指派给一位在职人员；已关闭的告警返回 409，没有这个人返回 404。", AssignIn,
        ("指派", {"assignee": "lisi", "note": "请先看登录日志"}),
    ),
    f"{_ONE}unassign/": _act(triage.unassign, "取消指派", "取消处理人；已关闭的告警返回 409。"),
    f"{_ONE}close/": _act(
        triage.close, "关闭告警", "下结论并关闭；已关闭的告警返回 409。", CloseIn, ("误报", {"verdict": "false_positive", "note": "内部扫描"}),
    ),
    f"{_ONE}reopen/": _act(triage.reopen, "重新打开告警", "撤回结论，回到未处理；没有关闭的告警返回 409。"),
    f"{_ONE}comments/": _act(triage.comment, "添加备注", "在变更历史里加一条备注，不改变状态。", CommentIn),
}  # fmt: skip
