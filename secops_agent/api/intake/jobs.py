"""Background imports: list and progress."""

from typing import Final

from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied

from secops_agent.api.access import IMPORT, SEE_ALL_JOBS, Caller
from secops_agent.api.base import Form, PageQuery
from secops_agent.api.endpoints import Endpoint, view_of
from secops_agent.api.fields import Output
from secops_agent.models.sources.job import JobPhase, JobState
from secops_agent.services.actors import Actor
from secops_agent.services.intake import jobs
from secops_agent.services.intake.jobs import JobView

TAG: Final = "导入"


class RejectedOut(Form):
    """One record that was not taken."""

    position = serializers.CharField(help_text="位置，例如 matches[3] 或 第 12 行")
    reason = serializers.CharField(help_text="原因")


class OutcomeOut(Form):
    """What an import did, as import_data prints it."""

    format = serializers.CharField(help_text="格式")
    created = serializers.DictField(child=serializers.IntegerField(), help_text="新建：种类 → 数量")
    updated = serializers.DictField(child=serializers.IntegerField(), help_text="更新：种类 → 数量")
    unchanged = serializers.DictField(child=serializers.IntegerField(), help_text="没有变化：种类 → 数量")
    rejected = RejectedOut(many=True, help_text="被拒绝的记录")
    apart = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="看来是同一台主机、因为有人设定过内容而没有合并的资产；没有时不出现",
    )
    note = serializers.CharField(
        required=False, help_text="报告里没有发现：读完了，里面没有可以导入的；别的时候不出现"
    )


class FaultOut(Form):
    """What is wrong, in the shape of every error."""

    code = serializers.CharField(help_text="机器可读的错误代码")
    message = serializers.CharField(help_text="说明发生了什么、怎么办")


class RefusalOut(OutcomeOut):
    """An import of which nothing was taken."""

    error = FaultOut(help_text="错误")


class JobOut(Output):
    """An import."""

    view = JobView
    told = {
        "id": "编号",
        "format": "格式",
        "name": "文件名",
        "size": "大小（字节）",
        "state": serializers.ChoiceField(choices=JobState.choices, help_text="状态：done 和 failed 是结束"),
        "phase": serializers.ChoiceField(choices=JobPhase.choices, allow_blank=True, help_text="正在做什么"),
        "done": "已处理的记录数",
        "total": "记录总数；0：还在读取",
        "percent": "进度 0..100",
        "attempts": "执行次数；进程意外中断后会自动重来",
        "actor": "提交者",
        "outcome": OutcomeOut(allow_null=True, help_text="结果；没有完成时为 null"),
        "error": "失败的原因",
        "created_at": "提交时间",
        "started_at": "开始时间",
        "finished_at": "结束时间",
    }


class JobQuery(PageQuery):
    """Filters of the list."""

    state = serializers.ChoiceField(
        choices=JobState.choices, default="", allow_blank=True, help_text="状态。"
    )


def visible_to(caller: Caller) -> Actor | None:
    """Whose jobs may be seen: None for all. Raises PermissionDenied."""
    if caller.may(SEE_ALL_JOBS):
        return None
    if caller.may(IMPORT):
        return caller.actor
    raise PermissionDenied("没有查看导入任务的权限：API 令牌需要 ingest 或 read 范围。")


PATHS: Final = {
    "jobs/": view_of(TAG, Endpoint(
        "GET", None, "jobs_list", "导入任务列表", "导入任务，新的在前；小文件也在内。只有 ingest 范围的令牌只看得到自己提交的。",
        lambda caller, **asked: jobs.search(actor=visible_to(caller), **asked), JobOut, JobQuery, paged=True,
    )),
    "jobs/<int:job_id>/": view_of(TAG, Endpoint(
        "GET", None, "jobs_get", "导入任务的进度", "轮询这个地址直到 state 为 done 或 failed；outcome 与 import_data 的结果相同。",
        lambda caller, job_id: jobs.get(job_id, visible_to(caller)), JobOut,
    )),
}  # fmt: skip
