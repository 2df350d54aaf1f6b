"""Cases: list, detail, and making one."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from secops_agent.api import access
from secops_agent.api.access import Caller
from secops_agent.api.alerting.alerts import AlertOut, AssignIn, CommentIn, IndicatorOut
from secops_agent.api.base import (
    Flag,
    Form,
    Moment,
    Nothing,
    PageQuery,
    Remark,
    Several,
    Text,
    Truth,
    View,
    choices,
    order,
    word,
)
from secops_agent.api.endpoints import Endpoint, view_of
from secops_agent.api.fields import NoteIn, Output, Ref, flat, texts
from secops_agent.models import CaseStatus
from secops_agent.models.choices import Severity, Verdict
from secops_agent.services.cases import membership, merging, orders, search, tasks, timeline, views
from secops_agent.services.cases.orders import STEPS
from secops_agent.services.cases.search import ORDERS, CaseFilter
from secops_agent.services.cases.timeline import CaseMoment
from secops_agent.services.cases.views import CaseRef, CaseSummary, CaseTaskView
from secops_agent.services.pages import Page

TAG: Final = "事件"
EXAMPLE = {
    "id": 3, "title": "jump-01 被暴力破解后登录", "severity": "critical", "status": "working", "verdict": "", "owner": "李四",
    "owner_id": 2, "created_at": "2026-11-24T09:40:00+08:00", "closed_at": None, "alerts": 4, "open_alerts": 3, "tasks": 2,
    "open_tasks": 1, "merged_into": None,
}  # fmt: skip


class CaseQuery(PageQuery):
    """Filters of the list."""

    status = choices(CaseStatus.choices, "状态；可重复，或用逗号分隔。")
    severity = choices(Severity.choices, "级别；可重复，或用逗号分隔。")
    owner_id = Several(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        default=list,
        help_text="负责人的编号；可重复，或用逗号分隔。",
    )
    unowned = Flag(default=False, help_text="只看没有负责人的。")
    keyword = word("标题或小结中的任意一段文字，或编号（E12）。小结只有「分析」角色或审计员搜得到。")
    ordering = order(ORDERS, "-id", "排序：-id 最新的在前，id 最早的在前。")


class CaseOut(Output):
    """A case in a list."""

    view = CaseSummary
    told = {
        "id": "编号",
        "title": "标题",
        "severity": serializers.ChoiceField(
            choices=Severity.choices,
            allow_blank=True,
            help_text="级别：由人设定，否则是最严重的告警的；空：没有告警",
        ),
        "status": serializers.ChoiceField(choices=CaseStatus.choices, help_text="状态"),
        "verdict": serializers.ChoiceField(
            choices=Verdict.choices, allow_blank=True, help_text="结论；空：未下结论"
        ),
        "owner": "负责人；空：没有",
        "owner_id": "负责人的编号",
        "created_at": "新建时间",
        "closed_at": "关闭时间",
        "alerts": "告警数",
        "open_alerts": "未关闭的告警数",
        "tasks": "任务数",
        "open_tasks": "未完成的任务数",
        "merged_into": "已并入的事件的编号；空：没有并入",
    }


class CaseTaskOut(Output):
    """Something to do."""

    view = CaseTaskView
    told = {
        "id": "编号",
        "text": "要做什么",
        "assignee": "执行人；空：没有",
        "due_at": "期限",
        "done_at": "完成时间；空：没有完成",
        "done_by": "完成人",
    }


class CaseRefOut(Form):
    """A case, by id and title."""

    id = serializers.IntegerField(help_text="编号")
    title = serializers.CharField(help_text="标题")


class CaseMomentOut(Output):
    """One thing that happened."""

    view = CaseMoment
    told = {
        "at": "时间",
        "kind": "note 备注，change 变化，alert 告警发生",
        "subject": "事件（E3）或告警（A12）",
        "actor": "操作者；空：告警发生",
        "what": "做了什么",
        "changes": serializers.ListField(
            child=serializers.ListField(child=serializers.CharField()), help_text="[名称, 原值, 新值]"
        ),
        "note": "备注",
    }


class CaseDetailOut(CaseOut):
    """A case with all that is known."""

    text = serializers.CharField(help_text="小结")
    made_by = serializers.CharField(help_text="新建人")
    severity_set = serializers.BooleanField(help_text="级别是否由人设定")
    lost = serializers.IntegerField(help_text="关闭以后被删除或归入别的事件的告警数")
    alert_list = AlertOut(many=True, help_text="告警，最早的在前，最多 200 条")
    task_list = CaseTaskOut(many=True, help_text="任务，未完成的在前")
    merged = CaseRefOut(many=True, help_text="并入的事件")
    assets = Ref(many=True, help_text="涉及的资产")
    indicators = IndicatorOut(many=True, help_text="指标")
    techniques = texts("ATT&CK 技术编号")
    people = texts("有关人员")
    timeline = CaseMomentOut(many=True, help_text="时间线，新的在前，最多 200 项")


class AlertNumbers(serializers.ListField):
    """Numbers of alerts; too many are refused as one fault, not one by one."""

    def run_child_validation(self, data: list[Any]) -> list[Any]:
        """Each checked. Raises ValidationError."""
        if len(data) > membership.MOST:
            raise serializers.ValidationError([f"最多 {membership.MOST} 个。"])
        return list(super().run_child_validation(data))


class CaseAlertsIn(Form):
    """Which alerts."""

    alerts = AlertNumbers(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        min_length=1,
        max_length=membership.MOST,
        help_text=f"告警的编号，最多 {membership.MOST} 个。",
    )
    note = Remark(default="", max_length=2000, help_text="写进历史的备注，可以不填。")


class CaseIn(CaseAlertsIn):
    """A new case."""

    title = Remark(default="", max_length=200, help_text="标题；不填用第一条告警的标题。")
    severity = serializers.ChoiceField(
        choices=Severity.choices, default="", allow_blank=True, help_text="级别；不填则随最严重的告警。"
    )


class CollectedOut(Form):
    """What came of it."""

    case = CaseOut(help_text="事件")
    added = serializers.ListField(child=serializers.IntegerField(), help_text="归入了哪些告警")
    text = serializers.CharField(help_text="结果，包括没有归入的和原因")


class CaseCloseIn(Form):
    """What it was."""

    verdict = serializers.ChoiceField(choices=Verdict.choices, help_text="结论。")
    with_alerts = Truth(default=False, help_text="同时以这个结论关闭它的未关闭的告警。")
    note = Remark(default="", max_length=2000, help_text="写进历史的备注，可以不填。")


def summary_of(case_id: int) -> CaseSummary:
    """As it is now."""
    return views.summaries([views.read(case_id)])[0]


def _list(caller: Caller, **asked: Any) -> Page[CaseSummary]:
    wanted = CaseFilter(
        statuses=tuple(asked.pop("status")), severities=tuple(asked.pop("severity")), owner_ids=tuple(asked.pop("owner_id")),
        order=asked.pop("ordering"), private=caller.private, **asked,
    )  # fmt: skip
    return search.search(wanted)


def _detail(caller: Caller, case_id: int) -> Mapping[str, Any]:
    detail = views.get(case_id, private=caller.private)
    return {
        **flat(detail), "alerts": detail.summary.alerts, "tasks": detail.summary.tasks, "alert_list": detail.alerts,
        "task_list": detail.tasks, "timeline": timeline.moments(detail, private=caller.private),
    }  # fmt: skip


def _collected(done: membership.Collected) -> Mapping[str, Any]:
    return {"case": summary_of(done.case.id), "added": done.added, "text": done.text}


# What people and programs do with a case.


class SplitIn(CaseAlertsIn):
    """Which alerts go, and how the new case is called."""

    title = Text(max_length=200, help_text="新事件的标题。")


class MergeIn(NoteIn):
    """Where it goes."""

    into = serializers.IntegerField(min_value=1, max_value=2**63 - 1, help_text="并入哪个事件（编号）。")


class StatusIn(NoteIn):
    """How it stands."""

    status = serializers.ChoiceField(
        choices=[(each.value, each.label) for each in STEPS],
        help_text="状态；关闭用 close。",
    )


class TaskIn(Form):
    """What is to be done."""

    text = Text(max_length=tasks.LONGEST, help_text="要做什么。")
    assignee = Remark(default="", max_length=100, help_text="执行人的员工 ID 或姓名，可以不填。")
    due_at = Moment(default=None, allow_null=True, help_text="期限，可以不填。")


def _act(
    name: str, summary: str, description: str, takes: type[Form], do: Callable[..., Any],
    status: int = 200, example: tuple[str, Any] | None = None,
) -> type[View]:  # fmt: skip
    """Something done to a case, which answers how it is then; of two, the one that ``do`` gives."""

    def act(caller: Caller, case_id: int, **given: Any) -> CaseSummary:
        done = do(case_id, actor=caller.actor, **given)
        return summary_of(done.id if isinstance(done, CaseRef) else case_id)

    return view_of(TAG, Endpoint("POST", access.WRITE_CASES, f"cases_{name}", summary, description, act, CaseOut, takes, status, example=example))  # fmt: skip


_ONE: Final = "cases/<int:case_id>/"
PATHS: Final = {
    "cases/": view_of(
        TAG,
        Endpoint(
            "GET", access.READ_CASES, "cases_list", "事件列表", "按筛选条件列出事件，新的在前，游标翻页。", _list, CaseOut, CaseQuery, paged=True,
            example=OpenApiExample("一页", value={"items": [EXAMPLE], "total": 1, "total_capped": False, "next_cursor": "", "next": None}),
        ),
        Endpoint(
            "POST", access.WRITE_CASES, "cases_create", "新建事件",
            "把几条告警并成一个事件。已在进行中的事件里的告警不移动，一条都不能归入时返回 409。",
            lambda caller, **given: _collected(orders.create(actor=caller.actor, alert_ids=given.pop("alerts"), **given)), CollectedOut, CaseIn, 201,
            example=("新建", {"alerts": [12, 15], "title": "支付系统被入侵"}),
        ),
    ),
    _ONE: view_of(TAG, Endpoint(
        "GET", access.READ_CASES, "cases_get", "事件详情", "一个事件的全部内容：告警、任务、资产、指标、时间线。", _detail, CaseDetailOut,
    )),
    f"{_ONE}alerts/": view_of(TAG, Endpoint(
        "POST", access.WRITE_CASES, "cases_add_alerts", "归入告警",
        "把告警归入一个没有关闭的事件；已在别的进行中的事件里的不移动，一条都不能归入时返回 409。",
        lambda caller, case_id, alerts, note: _collected(membership.collect(case_id, alerts, caller.actor, note)), CollectedOut, CaseAlertsIn,
    )),
    f"{_ONE}alerts/remove/": _act(
        "remove_alerts", "移出告警", "把告警移出没有关闭的事件；有一条不在里面时返回 409，什么都不改。", CaseAlertsIn,
        lambda case_id, alerts, **given: membership.part(case_id, alerts, **given),
    ),
    f"{_ONE}split/": _act("split", "拆分事件", "把选定的告警拆成新事件，返回新事件；原来的事件至少留一条告警。", SplitIn,
        lambda case_id, alerts, **given: merging.split(case_id, alerts, **given), 201),
    f"{_ONE}merge/": _act(
        "merge", "并入另一个事件", "告警和任务移到另一个事件，这个事件关闭；两个都要没有关闭，否则返回 409。返回另一个事件。", MergeIn,
        lambda case_id, into, **given: merging.merge(case_id, into, **given),
    ),
    f"{_ONE}separate/": _act(
        "separate", "拆出并入的事件", "撤销合并：从它带过去、现在还在那里的告警和任务回到这个事件。", NoteIn, merging.separate,
    ),
    f"{_ONE}assign/": _act(
        "assign", "交接事件", "交给一位在职人员，他会收到一条消息，原负责人未完成的任务一起交给他；已关闭的事件返回 409，没有这个人返回 404。",
        AssignIn, lambda case_id, assignee, **given: orders.assign(case_id, assignee, **given),
    ),
    f"{_ONE}status/": _act(
        "status", "改事件的状态", "新建、处理中、已控制之间；已关闭的返回 409。", StatusIn, orders.advance,
        example=("已控制", {"status": CaseStatus.CONTAINED.value}),
    ),
    f"{_ONE}close/": _act(
        "close", "关闭事件", "下结论并关闭；with_alerts 同时关闭它的未关闭的告警。已关闭的返回 409。", CaseCloseIn, orders.close,
    ),
    f"{_ONE}reopen/": _act(
        "reopen", "重新打开事件", "撤回结论，回到处理中；告警保持原样。没有关闭的、已并入别的事件的返回 409。", NoteIn, orders.reopen,
    ),
    f"{_ONE}comments/": _act("comment", "在事件里写备注", "在时间线里加一条备注，不改变状态。", CommentIn, orders.comment),
    f"{_ONE}tasks/": _act("add_task", "添加任务", "给没有关闭的事件加一个任务。", TaskIn, tasks.add, 201, ("任务", {"text": "重装 web-01", "assignee": "lisi"})),
    f"{_ONE}tasks/<int:task_id>/done/": _act("finish_task", "完成任务", "任务已完成；已经完成的返回 409，不在这个事件里的返回 404。", Nothing, tasks.finish),
}  # fmt: skip
