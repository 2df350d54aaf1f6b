"""连接状态 and AI 卡片; what the pages of a DingTalk configuration show is in `config_face`."""

from typing import Any

from django.contrib import admin
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from bifang.channels.models import ClientState, ClientStatus
from bifang.core.admin.base import NOTHING, RecordScreen, ago, badge, moment, shortened
from bifang.core.groups import AUDITOR, OPERATOR, grant
from bifang.core.rights import allow
from dingtalk_integration import guide
from dingtalk_integration.config_face import TONES, watch
from dingtalk_integration.health import FRESH
from dingtalk_integration.models import Card as AiCard
from dingtalk_integration.models import CardState
from dingtalk_integration.usage_admin import ApiUsageScreen
from dingtalk_integration.webhook.page import callback_page

CARD_TONES = {
    CardState.OPEN: "info", CardState.FINISHED: "ok", CardState.GIVEN_UP: "warn", CardState.FAILED: "bad",
}  # fmt: skip
grant(OPERATOR, "dingtalk_integration.view_*")
grant(AUDITOR, "dingtalk_integration.view_*")
allow("admin", "dingtalk_integration.*")


@admin.register(ClientState)
class ClientStateScreen(RecordScreen):
    """Every connection of every worker process."""

    purpose = "每个工作进程到钉钉的每条长连接。「最近一帧」和「心跳往返」说明它现在通不通；连不上时右边写着原因和办法。"
    when_empty = "还没有进程连接过钉钉。先添加并启用一个钉钉配置，再在服务器上执行 python manage.py start_dingtalk_stream。"
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

    def get_urls(self) -> list[URLPattern]:
        """With the page of a configuration's HTTP callbacks, which has no list of its own."""
        view = self.admin_site.admin_view(callback_page)
        return [path("callbacks/<int:config_id>/", view, name="dingtalk_callback_page"), *super().get_urls()]

    @admin.display(description="状态", ordering="status")
    def state(self, row: ClientState) -> SafeString:
        """As the worker last said, unless it has been silent."""
        if row.updated_at < timezone.now() - FRESH:
            return badge("未运行", "idle", f"最后的状态：{row.get_status_display()}")
        status = ClientStatus(row.status)
        return badge(str(status.label), TONES[status], f"已持续 {timesince(row.since, depth=1)}")

    @admin.display(description="状态开始时间", ordering="since")
    def in_state(self, row: ClientState) -> SafeString | str:
        """Since when."""
        return moment(row.since)

    @admin.display(description="心跳往返", ordering="answered_at")
    def echo(self, row: ClientState) -> SafeString | str:
        """The loop-back check: how long, and when."""
        if row.answered_at is None:
            return moment(None)
        return format_html("{} 毫秒 · {}", row.round_trip_ms or 0, ago(row.answered_at))

    @admin.display(description="最近一帧", ordering="last_frame_at")
    def last_frame(self, row: ClientState) -> SafeString | str:
        """The last frame read."""
        return ago(row.last_frame_at)

    @admin.display(description="最近错误")
    def error(self, row: ClientState) -> SafeString | str:
        """Short, whole when pointed at."""
        return shortened(row.last_error, 40)

    @admin.display(description="最近错误时间")
    def failed(self, row: ClientState) -> SafeString | str:
        """When the last error came."""
        return moment(row.last_error_at)

    @admin.display(description="下次尝试")
    def next_attempt(self, row: ClientState) -> SafeString | str:
        """When it tries again."""
        return moment(row.retry_at)

    @admin.display(description="更新时间", ordering="updated_at")
    def seen(self, row: ClientState) -> SafeString | str:
        """The worker's last word."""
        return moment(row.updated_at)


@admin.register(AiCard)
class CardScreen(RecordScreen):
    """AI 卡片: every card that was sent, and where it stands. Retention drops them."""

    list_display = ("id", "created", "state_badge", "config", "who", "shown", "error", "updated")
    list_select_related = ("config",)
    list_filter = ("state", "config", "is_group", "created_at")
    search_fields = ("=out_track_id", "=conversation_id", "=staff_id")
    search_help_text = "按卡片 ID、会话 ID 或员工 ID 搜索（完整匹配）"
    ordering = ("-id",)
    fields = (
        "out_track_id", "state_badge", "config", "message", "conversation_id", "staff_id", "is_group", "shown", "part_key",
        "last_error", "created", "updated",
    )  # fmt: skip

    @admin.display(description="状态", ordering="state")
    def state_badge(self, row: AiCard) -> SafeString:
        """Coloured."""
        state = CardState(row.state)
        return badge(str(state.label), CARD_TONES[state], row.last_error)

    @admin.display(description="接收人")
    def who(self, row: AiCard) -> str:
        """A person, or the group in which one asked."""
        return " · ".join(part for part in (row.staff_id, "群聊" if row.is_group else "") if part) or NOTHING

    @admin.display(description="来自")
    def message(self, row: AiCard) -> SafeString | str:
        """The message that it answers, linked."""
        if row.inbox_id is None:
            return NOTHING
        page = reverse("admin:channels_inboxrow_change", args=[row.inbox_id])
        return format_html('<a class="bf-link" href="{}">收件箱 #{}</a>', page, row.inbox_id)

    @admin.display(description="最近错误")
    def error(self, row: AiCard) -> SafeString | str:
        """Short, whole when pointed at."""
        return shortened(row.last_error, 40)

    @admin.display(description="创建时间", ordering="id")
    def created(self, row: AiCard) -> SafeString | str:
        """When it was begun."""
        return moment(row.created_at)

    @admin.display(description="更新时间")
    def updated(self, row: AiCard) -> SafeString | str:
        """Its last change."""
        return moment(row.updated_at)


__all__: Any = ["ApiUsageScreen", "CardScreen", "ClientStateScreen", "guide", "watch"]
