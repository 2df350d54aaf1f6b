"""连接状态: every connection of every worker process."""

from django.contrib import admin
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from bifang.channels.admin.connection_face import TONES
from bifang.channels.models import ClientState, ClientStatus
from bifang.channels.workers.client_status import FRESH
from bifang.core.admin.base import RecordScreen, ago, badge, cell, column, moment, shortened


@admin.register(ClientState)
class ClientStateScreen(RecordScreen):
    """Every connection of every worker process."""

    purpose = "每个工作进程到钉钉、飞书的每条长连接。「最近一帧」和「心跳往返」说明它现在通不通；连不上时右边写着原因和办法。"
    when_empty = "还没有进程连接过。先添加并启用一个钉钉或飞书配置，再在服务器上执行 python manage.py start_dingtalk_stream（飞书：start_feishu_stream）。"
    way = ("core.systemconfig", "系统配置")
    list_display = ("config", "state", "owner", "echo", "last_frame", "messages_received", "error")
    list_select_related = ("config",)
    list_filter = ("status", "config")
    search_fields = ("config__name", "owner")
    ordering = ("config_id", "owner")
    fields = (
        "config", "state", "owner", "in_state", "echo", "last_frame_at", "messages_received", "connections", "last_error", "failed",
        "attempts", "next_attempt", "seen",
    )  # fmt: skip

    @admin.display(description="状态", ordering="status")
    def state(self, row: ClientState) -> SafeString:
        """As the worker last said, unless it has been silent."""
        if row.updated_at < timezone.now() - FRESH:
            return badge("未运行", "idle", f"最后的状态：{row.get_status_display()}")
        status = ClientStatus(row.status)
        return badge(str(status.label), TONES[status], f"已持续 {timesince(row.since, depth=1)}")

    in_state = column("since", "状态开始时间", moment, ordering="since")

    @admin.display(description="心跳往返", ordering="answered_at")
    def echo(self, row: ClientState) -> SafeString | str:
        """The loop-back check: how long, and when."""
        if row.answered_at is None:
            return moment(None)
        return format_html("{} 毫秒 · {}", row.round_trip_ms or 0, ago(row.answered_at))

    last_frame = column("last_frame_at", "最近一帧", ago, ordering="last_frame_at")

    error = cell("最近错误", lambda row: shortened(row.last_error, 40))

    failed = column("last_error_at", "最近错误时间", moment)
    next_attempt = column("retry_at", "下次尝试", moment)
    seen = column("updated_at", "更新时间", moment, ordering="updated_at")
