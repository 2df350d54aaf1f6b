"""Scheduled tasks: list, make, delete, what their runs came to; the feeds and their age."""

from collections.abc import Mapping
from typing import Any, Final

from rest_framework import serializers

from bifang.core.errors import InvalidInput
from secops_agent.api import access
from secops_agent.api.access import Caller
from secops_agent.api.base import Form, Nothing, PageQuery, Remark, Text, Truth
from secops_agent.api.endpoints import Endpoint, items, view_of
from secops_agent.api.fields import Output
from secops_agent.services.chats import find_chat, name_of
from secops_agent.services.notifications import choices
from secops_agent.services.people.eligibility import account_of
from secops_agent.services.schedules import schedules, views
from secops_agent.services.schedules.feeds import FeedStatus, feed_statuses
from secops_agent.services.schedules.views import RunView, TaskView

TAG: Final = "定时任务"
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


def _make(caller: Caller, target: Mapping[str, Any] | None, **given: Any) -> TaskView:
    there = {name: value for name, value in target.items() if value} if target else None
    if there:
        there |= {"config": name_of(find_chat(there.get("config", "")))}
    if there and all(each.entry != there for each in choices.choices(caller.user)):
        raise InvalidInput(UNKNOWN_TARGET)
    made = schedules.save_task({**given, "target": there}, caller.actor, owner=account_of(caller.user_id))
    return views.view_task(made)


PATHS: Final = {
    "schedules/": view_of(
        TAG,
        Endpoint(
            "GET", access.READ_SCHEDULES, "schedules_list", "定时任务列表", "定时任务和接下来三次，按编号，游标翻页。",
            lambda caller, **asked: views.search_tasks(**asked), ScheduleOut, PageQuery, paged=True,
        ),
        Endpoint(
            "POST", access.WRITE_SCHEDULES, "schedules_create", "新建定时任务", "按令牌归属用户的权限查询；令牌没有归属用户时按查看权限。",
            _make, ScheduleOut, ScheduleIn, 201, example=("每天更新漏洞情报", {"task": "更新漏洞情报", "cron": "每天早上6点"}),
        ),
    ),
    "schedules/<int:task_id>/": view_of(
        TAG,
        Endpoint(
            "GET", access.READ_SCHEDULES, "schedules_get", "一个定时任务", "按编号。",
            lambda caller, task_id: views.view_task(schedules.get_task(task_id)), ScheduleOut, Nothing,
        ),
        Endpoint(
            "DELETE", access.WRITE_SCHEDULES, "schedules_delete", "删除定时任务", "连同它的执行记录；审计记录保留它的内容。",
            lambda caller, task_id: schedules.delete_task(
                schedules.get_task(task_id), caller.actor, account_of(caller.user_id)
            ), status=204,
        ),
    ),
    "schedules/<int:task_id>/runs/": view_of(TAG, Endpoint(
        "GET", access.READ_SCHEDULES, "schedules_runs", "执行记录", "新的在前，游标翻页。",
        lambda caller, task_id, **asked: views.search_runs(task_id, **asked), RunOut, PageQuery, paged=True,
    )),
    "feeds/": view_of(TAG, Endpoint(
        "GET", access.READ_VULNERABILITIES, "feeds_list", "漏洞情报的新旧", "每个来源何时确认是最新的，以及最近一次失败的原因。",
        lambda caller: items(feed_statuses()), FeedsOut, Nothing,
    )),
}  # fmt: skip
