"""Cases: list, detail, and making one."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from secops_agent.api import access
from secops_agent.api.access import caller_of
from secops_agent.api.alerts import AlertOut, IndicatorOut
from secops_agent.api.base import Flag, Form, PageQuery, Remark, Several, Truth, View, choices, order, word
from secops_agent.api.documentation import page_of
from secops_agent.api.fields import Ref, flat, texts
from secops_agent.models import CaseStatus
from secops_agent.models.choices import Severity, Verdict
from secops_agent.services.cases import membership, orders, search, timeline, views
from secops_agent.services.cases.search import ORDERS, CaseFilter
from secops_agent.services.cases.views import CaseSummary

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
    keyword = word("标题或小结中的任意一段文字，或编号（E12）。")
    ordering = order(ORDERS, "-id", "排序：-id 最新的在前，id 最早的在前。")


class CaseOut(Form):
    """A case in a list."""

    id = serializers.IntegerField(help_text="编号")
    title = serializers.CharField(help_text="标题")
    severity = serializers.ChoiceField(
        choices=Severity.choices,
        allow_blank=True,
        help_text="级别：由人设定，否则是最严重的告警的；空：没有告警",
    )
    status = serializers.ChoiceField(choices=CaseStatus.choices, help_text="状态")
    verdict = serializers.ChoiceField(
        choices=Verdict.choices, allow_blank=True, help_text="结论；空：未下结论"
    )
    owner = serializers.CharField(help_text="负责人；空：没有")
    owner_id = serializers.IntegerField(allow_null=True, help_text="负责人的编号")
    created_at = serializers.DateTimeField(help_text="新建时间")
    closed_at = serializers.DateTimeField(allow_null=True, help_text="关闭时间")
    alerts = serializers.IntegerField(help_text="告警数")
    open_alerts = serializers.IntegerField(help_text="未关闭的告警数")
    tasks = serializers.IntegerField(help_text="任务数")
    open_tasks = serializers.IntegerField(help_text="未完成的任务数")
    merged_into = serializers.IntegerField(allow_null=True, help_text="已并入的事件的编号；空：没有并入")


class CaseTaskOut(Form):
    """Something to do."""

    id = serializers.IntegerField(help_text="编号")
    text = serializers.CharField(help_text="要做什么")
    assignee = serializers.CharField(help_text="执行人；空：没有")
    due_at = serializers.DateTimeField(allow_null=True, help_text="期限")
    done_at = serializers.DateTimeField(allow_null=True, help_text="完成时间；空：没有完成")
    done_by = serializers.CharField(help_text="完成人")


class CaseRefOut(Form):
    """A case, by id and title."""

    id = serializers.IntegerField(help_text="编号")
    title = serializers.CharField(help_text="标题")


class CaseMomentOut(Form):
    """One thing that happened."""

    at = serializers.DateTimeField(help_text="时间")
    kind = serializers.CharField(help_text="note 备注，change 变化，alert 告警发生")
    subject = serializers.CharField(help_text="事件（E3）或告警（A12）")
    actor = serializers.CharField(help_text="操作者；空：告警发生")
    what = serializers.CharField(help_text="做了什么")
    changes = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField()), help_text="[名称, 原值, 新值]"
    )
    note = serializers.CharField(help_text="备注")


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

    needs = {"GET": access.READ_ALERTS, "POST": access.WRITE_ALERTS}

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

    needs = {"GET": access.READ_ALERTS}

    @extend_schema(tags=TAG, operation_id="cases_get", summary="事件详情", responses=CaseDetailOut,
                   description="一个事件的全部内容：告警、任务、资产、指标、时间线。")  # fmt: skip
    def get(self, request: Request, case_id: int) -> Response:
        """Everything."""
        detail = views.get(case_id)
        told: dict[str, Any] = {
            **flat(detail), "alerts": detail.summary.alerts, "tasks": detail.summary.tasks, "alert_list": detail.alerts,
            "task_list": detail.tasks, "timeline": timeline.moments(detail),
        }  # fmt: skip
        return Response(CaseDetailOut(told).data)
