"""后台任务 of django-q2. A job names a function of the program: only superusers add, repeat or remove one."""

from typing import TYPE_CHECKING, Any, TypeAlias

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from bifang.core.admin.base import NOTHING, Screen, badge
from bifang.core.retention import standings

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


for _model in (Schedule, Success, Failure, OrmQ):
    admin.site.unregister(_model)


@admin.register(Schedule)
class ScheduleScreen(SuperuserScreen, ScheduleAdmin):
    """What runs when, and whether the retention keeps up."""

    list_before_template = "admin/core/retention.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """With what is kept how long."""
        return super().changelist_view(request, {"bf_kept": standings()} | (extra_context or {}))

    list_display = ("id", "name", "func", "schedule_type", "times", "next_run", "last_run", "result")

    @admin.display(description="还执行几次", ordering="repeats")
    def times(self, row: Any) -> str:
        """-1 means for ever."""
        return "一直" if row.repeats < 0 else f"{row.repeats} 次"

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
class SuccessScreen(SuperuserScreen, TaskAdmin):
    """What ran."""


@admin.register(Failure)
class FailureScreen(SuperuserScreen, FailAdmin):
    """What failed."""


@admin.register(OrmQ)
class QueueScreen(SuperuserScreen, QueueAdmin):
    """What waits."""
