"""工作进程: who works right now."""

from datetime import timedelta

from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString

from bifang.channels.models import Worker
from bifang.core.admin.base import RecordScreen, badge, moment

ALIVE = timedelta(seconds=30)


@admin.register(Worker)
class WorkerScreen(RecordScreen):
    """Who works right now."""

    list_display = (
        "owner",
        "alive",
        "host",
        "pid",
        "scope_label",
        "started",
        "heartbeat",
        "running",
        "waiting",
    )
    fields = list_display
    search_fields = ("owner", "host")
    ordering = ("-heartbeat_at",)

    @admin.display(description="状态")
    def alive(self, worker: Worker) -> SafeString:
        """By the heartbeat."""
        return (
            badge("运行中", "ok") if timezone.now() - worker.heartbeat_at < ALIVE else badge("已失联", "bad")
        )

    @admin.display(description="范围")
    def scope_label(self, worker: Worker) -> str:
        """What it serves."""
        return f"配置 {worker.scope}" if worker.scope.isdecimal() else worker.scope or "全部配置"

    @admin.display(description="启动时间", ordering="started_at")
    def started(self, worker: Worker) -> SafeString | str:
        """Start of the process."""
        return moment(worker.started_at)

    @admin.display(description="心跳", ordering="heartbeat_at")
    def heartbeat(self, worker: Worker) -> SafeString | str:
        """Last sign of life."""
        return moment(worker.heartbeat_at)
