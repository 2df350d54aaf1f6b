"""后台任务 of django-q2. A job names a function of the program: only superusers add, repeat or remove one."""

from typing import TYPE_CHECKING, Any, TypeAlias

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bifang.core.admin.base import NOTHING, Screen, ago, badge, cell, column, shortened
from bifang.core.database.retention import retention_state

if TYPE_CHECKING:
    # django-q2 has no types.
    class _Jobs(Screen):
        get_last_run: Any

    FailAdmin: TypeAlias = _Jobs
    QueueAdmin: TypeAlias = _Jobs
    ScheduleAdmin: TypeAlias = _Jobs
    TaskAdmin: TypeAlias = _Jobs
    Failure: Any
    OrmQ: Any
    Schedule: Any
    Success: Any
else:
    from django_q.admin import FailAdmin, QueueAdmin, ScheduleAdmin, TaskAdmin, resubmit_task
    from django_q.models import Failure, OrmQ, Schedule, Success

    resubmit_task.allowed_permissions = ("change",)


RHYTHMS = {1: "每分钟", 60: "每小时", 1440: "每天"}


class SuperuserScreen(Screen):
    """Everyone with the permission looks; superusers act."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers, where django-q2 has an add page."""
        return request.user.is_superuser and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers."""
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers."""
        return request.user.is_superuser

    title = cell("名称", lambda row: _named(row.name or row.func, row.func), ordering="name")


class RunScreen(SuperuserScreen):
    """What ran, well or not."""

    way = ("django_q.schedule", "计划任务")
    list_filter = ()

    began = column("started", "开始", ago, ordering="started")


for _model in (Schedule, Success, Failure, OrmQ):
    admin.site.unregister(_model)


@admin.register(Schedule)
class ScheduleScreen(SuperuserScreen, ScheduleAdmin):
    """What runs when, and whether the retention keeps up."""

    purpose = "程序自己定期做的事，随程序安装，平时不用改。日报、周报和查询在「定时任务」里。"
    way = ("secops_agent.scheduledtask", "定时任务")
    list_before_template = "admin/core/retention.html"

    def beside_list(self, request: HttpRequest) -> dict[str, Any]:
        """With what is kept how long."""
        kept = retention_state()
        late = sum(row.late_since is not None for row in kept)
        return {"bf_kept": kept, "bf_late": late}

    list_display = ("title", "rhythm", "times", "soon", "last_run", "result")
    list_display_links = ("title",)
    list_filter = ()

    @admin.display(description="多久一次", ordering="schedule_type")
    def rhythm(self, row: Any) -> str:
        """In words."""
        if row.schedule_type == "I":
            return RHYTHMS.get(row.minutes, f"每 {row.minutes or 1} 分钟")
        return row.cron or str(row.get_schedule_type_display())

    times = cell(
        "还执行几次", lambda row: "一直" if row.repeats < 0 else f"{row.repeats} 次", ordering="repeats"
    )

    soon = column("next_run", "下次", ago, ordering="next_run")

    @admin.display(description="上一次")
    def last_run(self, row: Any) -> Any:
        """As django-q2 links it."""
        return self.get_last_run(row) or NOTHING

    @admin.display(description="结果")
    def result(self, row: Any) -> SafeString | str:
        """Of the last run, while its record is kept."""
        if row.task_success is None:
            return NOTHING
        return badge("成功", "ok") if row.task_success else badge("失败", "bad")


@admin.register(Success)
class SuccessScreen(RunScreen, TaskAdmin):
    """What ran."""

    purpose = "已经做完的后台任务，只保留最近的一些。"
    when_empty = "后台任务进程做完第一件事以后，这里就有记录。如果一直是空的，请确认 python manage.py qcluster 在运行。"
    list_display = ("title", "began", "took")

    took = cell("用时", lambda row: f"{row.time_taken():.1f} 秒")


@admin.register(Failure)
class FailureScreen(RunScreen, FailAdmin):
    """What failed."""

    purpose = "没有做成的后台任务。先看原因；定期的任务到时间自己会再来，一次性的可以选中后「重新提交」。"
    when_empty = "没有失败的任务：一切正常。"
    list_display = ("title", "began", "why")

    @admin.display(description="原因")
    def why(self, row: Any) -> SafeString | str:
        """The last line of what was said: there stands the error."""
        said = str(row.result or "").strip().splitlines()
        return shortened(said[-1], 90) if said else NOTHING


@admin.register(OrmQ)
class QueueScreen(SuperuserScreen, QueueAdmin):
    """What waits."""

    purpose = "等着后台任务进程来取的事。通常几秒就空；一直不减少，说明 python manage.py qcluster 没有运行。"
    when_empty = "没有在排队的任务：都已经取走了。"
    way = ("django_q.success", "成功的任务")
    list_display = ("title", "since")
    list_filter = ()

    title = cell("名称", lambda row: _named(row.name(), row.func()), ordering="id")

    since = column("lock", "可以取走", ago, ordering="lock")


def _named(name: str, function: str) -> SafeString:
    return format_html('{}<br><span class="bf-note">{}</span>', name, function)
