"""已知的群: where the robot was spoken to, and by whom first."""

from django.contrib import admin
from django.utils.safestring import SafeString

from bifang.channels.models import KnownGroup
from bifang.core.admin.base import RecordScreen, moment


@admin.register(KnownGroup)
class KnownGroupScreen(RecordScreen):
    """Groups come by themselves: somebody of the own corporation mentions the robot there."""

    list_display = ("name", "config", "learned_from", "learned", "seen", "conversation_id")
    fields = ("name", "config", "corp_id", "learned_from", "learned", "seen", "conversation_id")
    list_filter = ("config",)
    list_select_related = ("config",)
    search_fields = ("title", "=conversation_id", "learned_by")
    search_help_text = "按群名、会话 ID 或得知来源搜索"
    list_before_template = "admin/channels/groups.html"

    @admin.display(description="群名", ordering="title")
    def name(self, group: KnownGroup) -> str:
        """Its name, else its id."""
        return str(group)

    @admin.display(description="由谁得知", ordering="learned_by")
    def learned_from(self, group: KnownGroup) -> str:
        """Who mentioned the robot there first."""
        return (
            f"{group.learned_by or '—'}（{group.learned_by_id}）" if group.learned_by_id else group.learned_by
        )

    @admin.display(description="得知时间", ordering="learned_at")
    def learned(self, group: KnownGroup) -> SafeString | str:
        """When that was."""
        return moment(group.learned_at)

    @admin.display(description="最近发言", ordering="last_seen_at")
    def seen(self, group: KnownGroup) -> SafeString | str:
        """To the hour."""
        return moment(group.last_seen_at)
