"""AI 卡片: every card that was sent on any platform."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from bifang.channels.admin.addressees import call, group_of, hinted, person_of, short_person
from bifang.channels.cards.models import Card, CardState
from bifang.core.admin.base import NOTHING, RecordScreen, badge, cell, column, moment, once, shortened

CARD_TONES = {
    CardState.OPEN: "info", CardState.FINISHED: "ok", CardState.GIVEN_UP: "warn", CardState.FAILED: "bad",
}  # fmt: skip


@admin.register(Card)
class CardScreen(RecordScreen):
    """AI 卡片: every card that was sent, and where it stands. Retention drops them."""

    list_display = ("id", "created", "state_badge", "config", "who", "shown", "error", "updated")
    list_select_related = ("config",)
    list_filter = ("state", "config", "is_group", "created_at")
    search_fields = ("=out_track_id", "=conversation_id", "=staff_id")
    search_help_text = "按卡片 ID、会话 ID 或员工 ID 搜索（完整匹配）"
    ordering = ("-id",)
    fields = (
        "out_track_id", "state_badge", "config", "message", "place", "person", "is_group", "shown", "part_key",
        "last_error", "created", "updated",
    )  # fmt: skip

    @admin.display(description="状态", ordering="state")
    def state_badge(self, row: Card) -> SafeString:
        """Coloured."""
        state = CardState(row.state)
        return badge(str(state.label), CARD_TONES[state], row.last_error)

    @admin.display(description="接收人")
    def who(self, row: Card) -> SafeString | str:
        """A person, or the group in which one asked."""
        group = hinted(row.room or "群聊", row.conversation_id) if row.is_group else ""  # type: ignore[attr-defined]  # of the list
        parts = [(part,) for part in (short_person(row, row.staff_id), group) if part]
        return format_html_join(" · ", "{}", parts) or NOTHING

    @admin.display(description="会话")
    @once
    def place(self, row: Card) -> SafeString | str:
        """Where it stands."""
        return group_of(row.config_id, row.conversation_id)

    @admin.display(description="接收人")
    @once
    def person(self, row: Card) -> SafeString | str:
        """For whom it is, or who asked in a group."""
        return person_of(row.config_id, row.staff_id)

    def look_up(self, rows: Sequence[Any]) -> None:
        """Names."""
        call(rows, "staff_id")

    @admin.display(description="来自")
    def message(self, row: Card) -> SafeString | str:
        """The message that it answers, linked."""
        if row.inbox_id is None:
            return NOTHING
        page = reverse("admin:channels_inboxrow_change", args=[row.inbox_id])
        return format_html('<a class="bf-link" href="{}">收件箱 #{}</a>', page, row.inbox_id)

    error = cell("最近错误", lambda row: shortened(row.last_error, 40))

    created = column("created_at", "创建时间", moment, ordering="id")
    updated = column("updated_at", "更新时间", moment)
