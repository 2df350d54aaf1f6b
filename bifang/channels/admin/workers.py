"""工作进程: who works right now."""

from datetime import timedelta

from django.contrib import admin
from django.utils import timezone

from bifang.channels.models import Worker
from bifang.channels.workers.programs import PROGRAMS
from bifang.core.admin.base import RecordScreen, ago, badge, cell

ALIVE = timedelta(seconds=30)


@admin.register(Worker)
class WorkerScreen(RecordScreen):
    """Who works right now."""

    purpose = "网页、后台任务、收发消息、接收告警的进程。收发消息的至少要有一个「运行中」；失联的进程领走的消息，一分钟内由别的进程接手。"
    when_empty = (
        "还没有启动过。在服务器上执行 python manage.py start_dingtalk_stream（飞书：start_feishu_stream），"
        "它会一直运行并出现在这里。"
    )
    way = ("channels.clientstate", "连接状态")
    list_display = ("owner", "alive", "place", "scope_label", "started", "heartbeat", "load")
    fields = (
        "owner", "alive", "host", "pid", "scope_label", "started_at", "heartbeat_at", "running", "waiting",
    )  # fmt: skip
    search_fields = ("owner", "host")
    ordering = ("-heartbeat_at",)

    alive = cell(
        "状态",
        lambda worker: (
            badge("运行中", "ok") if timezone.now() - worker.heartbeat_at < ALIVE else badge("已失联", "bad")
        ),
    )

    place = cell("主机", lambda worker: f"{worker.host} · PID {worker.pid}")

    load = cell("进行中 / 排队", lambda worker: f"{worker.running} / {worker.waiting}")

    @admin.display(description="范围")
    def scope_label(self, worker: Worker) -> str:
        """What it serves."""
        program = next((each for each in PROGRAMS if each.kind == worker.kind), None)
        if program is not None:
            return program.label
        return f"配置 {worker.scope}" if worker.scope.isdecimal() else worker.scope or "全部配置"

    started = cell("启动时间", lambda worker: ago(worker.started_at), ordering="started_at")

    heartbeat = cell("心跳", lambda worker: ago(worker.heartbeat_at), ordering="heartbeat_at")
