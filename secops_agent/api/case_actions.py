"""What people and programs do with a case."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from secops_agent.api import access
from secops_agent.api.access import caller_of
from secops_agent.api.alerts import AssignIn, CommentIn
from secops_agent.api.base import Form, Moment, Remark, Text, View
from secops_agent.api.cases import TAG, CaseAlertsIn, CaseCloseIn, CaseOut, CollectedOut, summary_of
from secops_agent.api.fields import NoteIn
from secops_agent.models import CaseStatus
from secops_agent.services.cases import membership, merging, orders, tasks
from secops_agent.services.cases.orders import STEPS


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

    needs = {"POST": access.WRITE_ALERTS}

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
                   description="交给一位在职人员；已关闭的事件返回 409，没有这个人返回 404。")  # fmt: skip
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
