"""Cases: list, detail, and making one."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from secops_agent.api import access
from secops_agent.api.access import caller_of
from secops_agent.api.alerting.alerts import AlertOut, AssignIn, CommentIn, IndicatorOut
from secops_agent.api.base import (
    Flag,
    Form,
    Moment,
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
from secops_agent.api.documentation import page_of
from secops_agent.api.fields import NoteIn, Output, Ref, flat, texts
from secops_agent.models import CaseStatus
from secops_agent.models.choices import Severity, Verdict
from secops_agent.services.cases import membership, merging, orders, search, tasks, timeline, views
from secops_agent.services.cases.orders import STEPS
from secops_agent.services.cases.search import ORDERS, CaseFilter
from secops_agent.services.cases.timeline import CaseMoment
from secops_agent.services.cases.views import CaseSummary, CaseTaskView

TAG = ["事件"]
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


class CaseListView(View):
    """All cases."""

    needs = {"GET": access.READ_CASES, "POST": access.WRITE_CASES}

    @extend_schema(
        tags=TAG, operation_id="cases_list", summary="事件列表", parameters=[CaseQuery], responses=page_of(CaseOut),
        description="按筛选条件列出事件，新的在前，游标翻页。",
        examples=[OpenApiExample("一页", value={"items": [EXAMPLE], "total": 1, "total_capped": False, "next_cursor": "", "next": None})],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """A page."""
        asked = self.read_query(CaseQuery)
        wanted = CaseFilter(
            statuses=tuple(asked.pop("status")),
            severities=tuple(asked.pop("severity")),
            owner_ids=tuple(asked.pop("owner_id")),
            order=asked.pop("ordering"),
            private=access.reads_private(request),
            **asked,
        )
        return self.page(search.search(wanted), CaseOut)

    @extend_schema(
        tags=TAG, operation_id="cases_create", summary="新建事件", request=CaseIn, responses={201: CollectedOut},
        description="把几条告警并成一个事件。已在进行中的事件里的告警不移动，一条都不能归入时返回 409。",
        examples=[OpenApiExample("新建", value={"alerts": [12, 15], "title": "支付系统被入侵"}, request_only=True)],
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """A new one."""
        body = self.read_body(CaseIn)
        done = orders.create(
            body["alerts"], caller_of(request).actor, body["title"], body["severity"], body["note"]
        )
        told = {"case": summary_of(done.case.id), "added": done.added, "text": done.text}
        return Response(CollectedOut(told).data, status=201)


class CaseView(View):
    """One case."""

    needs = {"GET": access.READ_CASES}

    @extend_schema(tags=TAG, operation_id="cases_get", summary="事件详情", responses=CaseDetailOut,
                   description="一个事件的全部内容：告警、任务、资产、指标、时间线。")  # fmt: skip
    def get(self, request: Request, case_id: int) -> Response:
        """Everything."""
        private = access.reads_private(request)
        detail = views.get(case_id, private=private)
        told: dict[str, Any] = {
            **flat(detail), "alerts": detail.summary.alerts, "tasks": detail.summary.tasks, "alert_list": detail.alerts,
            "task_list": detail.tasks, "timeline": timeline.moments(detail, private=private),
        }  # fmt: skip
        return Response(CaseDetailOut(told).data)


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


class _CaseAction(View):
    """Something done to a case."""

    needs = {"POST": access.WRITE_CASES}

    def answer(self, case_id: int, status: int = 200) -> Response:
        """The case after the change."""
        return Response(CaseOut(summary_of(case_id)).data, status=status)


class CaseAlertsView(_CaseAction):
    """More alerts."""

    @extend_schema(tags=TAG, operation_id="cases_add_alerts", summary="归入告警", request=CaseAlertsIn, responses=CollectedOut,
                   description="把告警归入一个没有关闭的事件；已在别的进行中的事件里的不移动，一条都不能归入时返回 409。")  # fmt: skip
    def post(self, request: Request, case_id: int) -> Response:
        """Into the case."""
        body = self.read_body(CaseAlertsIn)
        done = membership.collect(case_id, body["alerts"], caller_of(request).actor, body["note"])
        told: dict[str, Any] = {"case": summary_of(case_id), "added": done.added, "text": done.text}
        return Response(CollectedOut(told).data)


class CaseAlertsRemovalView(_CaseAction):
    """Fewer alerts."""

    @extend_schema(tags=TAG, operation_id="cases_remove_alerts", summary="移出告警", request=CaseAlertsIn, responses=CaseOut,
                   description="把告警移出没有关闭的事件；有一条不在里面时返回 409，什么都不改。")  # fmt: skip
    def post(self, request: Request, case_id: int) -> Response:
        """Out of the case."""
        body = self.read_body(CaseAlertsIn)
        membership.part(case_id, body["alerts"], caller_of(request).actor, body["note"])
        return self.answer(case_id)


class CaseSplitView(_CaseAction):
    """One becomes two."""

    @extend_schema(tags=TAG, operation_id="cases_split", summary="拆分事件", request=SplitIn, responses={201: CaseOut},
                   description="把选定的告警拆成新事件，返回新事件；原来的事件至少留一条告警。")  # fmt: skip
    def post(self, request: Request, case_id: int) -> Response:
        """Some alerts into a new case."""
        body = self.read_body(SplitIn)
        actor = caller_of(request).actor
        new = merging.split(case_id, body["alerts"], actor, body["title"], body["note"])
        return self.answer(new.id, 201)


class CaseMergeView(_CaseAction):
    """Two become one."""

    @extend_schema(tags=TAG, operation_id="cases_merge", summary="并入另一个事件", request=MergeIn, responses=CaseOut,
                   description="告警和任务移到另一个事件，这个事件关闭；两个都要没有关闭，否则返回 409。返回另一个事件。")  # fmt: skip
    def post(self, request: Request, case_id: int) -> Response:
        """Into another one."""
        body = self.read_body(MergeIn)
        return self.answer(merging.merge(case_id, body["into"], caller_of(request).actor, body["note"]).id)


class CaseSeparationView(_CaseAction):
    """Merging undone."""

    @extend_schema(tags=TAG, operation_id="cases_separate", summary="拆出并入的事件", request=NoteIn, responses=CaseOut,
                   description="撤销合并：从它带过去、现在还在那里的告警和任务回到这个事件。")  # fmt: skip
    def post(self, request: Request, case_id: int) -> Response:
        """Back out of the case that it was merged into."""
        body = self.read_body(NoteIn)
        return self.answer(merging.separate(case_id, caller_of(request).actor, body["note"]).id)


class CaseAssignView(_CaseAction):
    """Give it to someone."""

    @extend_schema(tags=TAG, operation_id="cases_assign", summary="交接事件", request=AssignIn, responses=CaseOut,
                   description="交给一位在职人员，他会收到一条消息，原负责人未完成的任务一起交给他；已关闭的事件返回 409，没有这个人返回 404。")  # fmt: skip
    def post(self, request: Request, case_id: int) -> Response:
        """To a person, by staffId or name."""
        body = self.read_body(AssignIn)
        orders.assign(case_id, body["assignee"], caller_of(request).actor, body["note"])
        return self.answer(case_id)


class CaseStatusView(_CaseAction):
    """How it stands."""

    @extend_schema(tags=TAG, operation_id="cases_status", summary="改事件的状态", request=StatusIn, responses=CaseOut,
                   description="新建、处理中、已控制之间；已关闭的返回 409。",
                   examples=[OpenApiExample("已控制", value={"status": CaseStatus.CONTAINED.value}, request_only=True)])  # fmt: skip
    def post(self, request: Request, case_id: int) -> Response:
        """Another status before the end."""
        body = self.read_body(StatusIn)
        orders.advance(case_id, body["status"], caller_of(request).actor, body["note"])
        return self.answer(case_id)


class CaseCloseView(_CaseAction):
    """A verdict ends it."""

    @extend_schema(tags=TAG, operation_id="cases_close", summary="关闭事件", request=CaseCloseIn, responses=CaseOut,
                   description="下结论并关闭；with_alerts 同时关闭它的未关闭的告警。已关闭的返回 409。")  # fmt: skip
    def post(self, request: Request, case_id: int) -> Response:
        """With a verdict."""
        body = self.read_body(CaseCloseIn)
        actor = caller_of(request).actor
        orders.close(case_id, body["verdict"], actor, body["note"], with_alerts=body["with_alerts"])
        return self.answer(case_id)


class CaseReopenView(_CaseAction):
    """It was not over."""

    @extend_schema(tags=TAG, operation_id="cases_reopen", summary="重新打开事件", request=NoteIn, responses=CaseOut,
                   description="撤回结论，回到处理中；告警保持原样。没有关闭的、已并入别的事件的返回 409。")  # fmt: skip
    def post(self, request: Request, case_id: int) -> Response:
        """The verdict is withdrawn."""
        body = self.read_body(NoteIn)
        orders.reopen(case_id, caller_of(request).actor, body["note"])
        return self.answer(case_id)


class CaseCommentView(_CaseAction):
    """Only a note."""

    @extend_schema(tags=TAG, operation_id="cases_comment", summary="在事件里写备注", request=CommentIn, responses=CaseOut,
                   description="在时间线里加一条备注，不改变状态。")  # fmt: skip
    def post(self, request: Request, case_id: int) -> Response:
        """Into the timeline."""
        body = self.read_body(CommentIn)
        orders.comment(case_id, caller_of(request).actor, body["note"])
        return self.answer(case_id)


class CaseTasksView(_CaseAction):
    """Something to do."""

    @extend_schema(tags=TAG, operation_id="cases_add_task", summary="添加任务", request=TaskIn, responses={201: CaseOut},
                   description="给没有关闭的事件加一个任务。",
                   examples=[OpenApiExample("任务", value={"text": "重装 web-01", "assignee": "lisi"}, request_only=True)])  # fmt: skip
    def post(self, request: Request, case_id: int) -> Response:
        """One more."""
        body = self.read_body(TaskIn)
        tasks.add(case_id, body["text"], caller_of(request).actor, body["assignee"], body["due_at"])
        return self.answer(case_id, 201)


class CaseTaskDoneView(_CaseAction):
    """It is done."""

    @extend_schema(tags=TAG, operation_id="cases_finish_task", summary="完成任务", request=None, responses=CaseOut,
                   description="任务已完成；已经完成的返回 409，不在这个事件里的返回 404。")  # fmt: skip
    def post(self, request: Request, case_id: int, task_id: int) -> Response:
        """By whoever calls."""
        self.read_body(Form)
        tasks.finish(case_id, task_id, caller_of(request).actor)
        return self.answer(case_id)
