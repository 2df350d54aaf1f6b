"""AI 卡片; what the pages of a DingTalk configuration show is in `config_face`."""

from typing import Any

from django.contrib import admin
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bifang.core.admin.base import NOTHING, RecordScreen, badge, moment, shortened
from bifang.core.groups import AUDITOR, OPERATOR, grant
from bifang.core.rights import allow
from dingtalk_integration import guide
from dingtalk_integration.config_face import watch
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

    def get_urls(self) -> list[URLPattern]:
        """With the page of a configuration's HTTP callbacks, which has no list of its own."""
        view = self.admin_site.admin_view(callback_page)
        return [path("callbacks/<int:config_id>/", view, name="dingtalk_callback_page"), *super().get_urls()]

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


__all__: Any = ["ApiUsageScreen", "CardScreen", "guide", "watch"]
