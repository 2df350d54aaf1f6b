"""Scheduled tasks: list, make, delete, what their runs came to; the feeds and their age."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from bifang.core.errors import InvalidInput
from secops_agent.api import access
from secops_agent.api.access import caller_of
from secops_agent.api.base import Form, Nothing, PageQuery, Remark, Text, Truth, View
from secops_agent.api.documentation import page_of
from secops_agent.api.fields import Output
from secops_agent.services.chats import find_chat, name_of
from secops_agent.services.notifications import choices
from secops_agent.services.people.eligibility import account_of
from secops_agent.services.schedules import schedules, views
from secops_agent.services.schedules.feeds import FeedStatus, feed_statuses
from secops_agent.services.schedules.views import RunView, TaskView

TAG = ["定时任务"]
UNKNOWN_TARGET = (
    "不能发到这个目标：群要在「已知的群」里、属于本企业，人员要在职，值班表要启用；config 是聊天配置的名称（钉钉和飞书有同名的，写 kind/名称），"
    "只写该种类的字段。"
)


class ScheduleOut(Output):
    """A scheduled task."""

    view = TaskView
    told = {
        "id": "编号",
        "name": "名称",
        "enabled": "启用",
        "task": "做什么",
        "cron": "cron 表达式，北京时间；1-5 表示工作日",
        "once": "只执行一次，执行以后停用",
        "when": "时间，中文",
        "target": "发到哪里",
        "attachment": "报告同时作为文件发送：pdf、png（概要图片）、markdown、csv；空：不附",
        "owner": "按谁的权限查询：员工 ID；空：查看权限",
        "made_by": "创建人",
        "next_runs": "接下来三次",
        "last_at": "上次执行",
        "last_error": "最近的问题和办法",
        "last_error_at": "它的时间",
    }


class ScheduleTargetIn(Form):
    """Where the result goes, as in the configuration file."""

    kind = serializers.ChoiceField(choices=("group", "person", "on_call"), help_text="种类")
    config = Text(max_length=100, help_text="聊天配置的名称")
    conversation_id = Remark(default="", max_length=200, help_text="kind 为 group：群的会话 ID")
    staff_id = Remark(default="", max_length=100, help_text="kind 为 person：员工 ID")
    schedule = Remark(default="", max_length=100, help_text="kind 为 on_call：值班表的名称")


class ScheduleIn(Form):
    """A task to make."""

    name = Remark(default="", max_length=100, help_text="名称；空：按任务命名")
    task = Text(max_length=200, help_text="日报、周报、月报、更新漏洞情报、重新比对，或一句查询")
    cron = Text(max_length=200, help_text="cron 表达式或中文，例如 每天早上9点、工作日 9:30")
    once = Truth(default=False, help_text="只执行一次：cron 下一次到来时执行，然后停用")
    enabled = Truth(default=True, help_text="启用")
    target = ScheduleTargetIn(default=None, allow_null=True, help_text="发到哪里；情报和比对可以没有")
    attachment = serializers.ChoiceField(
        choices=("pdf", "png", "markdown", "csv"),
        default="",
        allow_blank=True,
        help_text="日报、周报、月报同时作为文件发送",
    )


class RunOut(Output):
    """A run."""

    view = RunView
    told = {
        "id": "编号",
        "due_at": "应执行时间",
        "state": "queued running held（待发送） done failed",
        "attempts": "执行次数",
        "started_at": "开始",
        "finished_at": "结束",
        "note": "结果",
        "text": "发送的内容；发给个人的不在这里",
        "sending": "发送的情况",
        "error": "错误和办法",
    }


class FeedOut(Output):
    """A feed."""

    view = FeedStatus
    told = {
        "name": "名称",
        "title": "来源",
        "checked_at": "何时确认最新；空：还没有获取",
        "error": "最近一次失败的原因和办法",
    }


class FeedsOut(Form):
    """All feeds."""

    items = FeedOut(many=True, help_text="没有关闭的漏洞情报")


class ScheduleListView(View):
    """All scheduled tasks."""

    needs = {"GET": access.READ_SCHEDULES, "POST": access.WRITE_SCHEDULES}

    @extend_schema(tags=TAG, operation_id="schedules_list", summary="定时任务列表", parameters=[PageQuery],
                   responses=page_of(ScheduleOut), description="定时任务和接下来三次，按编号，游标翻页。")  # fmt: skip
    def get(self, request: Request) -> Response:
        """A page."""
        return self.page(views.search_tasks(**self.read_query(PageQuery)), ScheduleOut)

    @extend_schema(tags=TAG, operation_id="schedules_create", summary="新建定时任务", request=ScheduleIn, responses={201: ScheduleOut},
                   description="按令牌归属用户的权限查询；令牌没有归属用户时按查看权限。",
                   examples=[OpenApiExample("每天更新漏洞情报", value={"task": "更新漏洞情报", "cron": "每天早上6点"}, request_only=True)])  # fmt: skip
    def post(self, request: Request) -> Response:
        """A new one."""
        body = self.read_body(ScheduleIn)
        caller = caller_of(request)
        target = body["target"] and {name: value for name, value in body["target"].items() if value}
        if target:
            target |= {"config": name_of(find_chat(target.get("config", "")))}
        if target and all(each.entry != target for each in choices.choices(caller.user)):
            raise InvalidInput(UNKNOWN_TARGET)
        made = schedules.save_task({**body, "target": target}, caller.actor, owner=account_of(caller.user_id))
        return Response(ScheduleOut(views.view_task(made)).data, status=201)


class ScheduleEndpoint(View):
    """One scheduled task."""

    needs = {"GET": access.READ_SCHEDULES, "DELETE": access.WRITE_SCHEDULES}

    @extend_schema(
        tags=TAG,
        operation_id="schedules_get",
        summary="一个定时任务",
        responses=ScheduleOut,
        description="按编号。",
    )
    def get(self, request: Request, task_id: int) -> Response:
        """By its number."""
        self.read_query(Nothing)
        return Response(ScheduleOut(views.view_task(schedules.get_task(task_id))).data)

    @extend_schema(tags=TAG, operation_id="schedules_delete", summary="删除定时任务", request=None, responses={204: None},
                   description="连同它的执行记录；审计记录保留它的内容。")  # fmt: skip
    def delete(self, request: Request, task_id: int) -> Response:
        """With its runs."""
        schedules.delete_task(schedules.get_task(task_id), caller_of(request).actor)
        return Response(status=204)


class ScheduleRunsView(View):
    """What the runs of a task came to."""

    needs = {"GET": access.READ_SCHEDULES}

    @extend_schema(tags=TAG, operation_id="schedules_runs", summary="执行记录", parameters=[PageQuery],
                   responses=page_of(RunOut), description="新的在前，游标翻页。")  # fmt: skip
    def get(self, request: Request, task_id: int) -> Response:
        """A page."""
        return self.page(views.search_runs(task_id, **self.read_query(PageQuery)), RunOut)


class FeedsView(View):
    """The feeds of vulnerability intelligence."""

    needs = {"GET": access.READ_VULNERABILITIES}

    @extend_schema(tags=TAG, operation_id="feeds_list", summary="漏洞情报的新旧", responses=FeedsOut,
                   description="每个来源何时确认是最新的，以及最近一次失败的原因。")  # fmt: skip
    def get(self, request: Request) -> Response:
        """All that are not switched off."""
        self.read_query(Nothing)
        return Response(FeedsOut({"items": feed_statuses()}).data)
