"""处置动作: what was carried out, and what came back."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bifang.channels.admin.rows import link
from bifang.core.admin.base import NOTHING, RecordScreen, as_json, badge, moment, preformatted, shortened
from secops_agent.models import Action, ActionState

ACTION_TONES = {
    ActionState.PENDING: "info", ActionState.CLAIMED: "info", ActionState.CALLING: "info", ActionState.DONE: "ok",
    ActionState.DRY: "idle", ActionState.FAILED: "bad", ActionState.UNKNOWN: "warn",
}  # fmt: skip


@admin.register(Action)
class ActionScreen(RecordScreen):
    """What was carried out, and what came back; it is checked and taken back on the page of its proposal."""

    list_display = (
        "id",
        "state_badge",
        "title",
        "what",
        "asker",
        "approver",
        "through",
        "created",
        "came_back",
    )
    list_filter = ("state", "tool", "connector", "created_at")
    search_fields = ("=id", "=proposal__code", "asker", "approver")
    search_help_text = "按编号、审批代码、提出人或批准人搜索"
    list_select_related = ("proposal",)
    fields = (
        "id", "state_badge", "title", "tool", "whole_summary", "values", "asker", "approver", "approval", "undoing", "through",
        "came_back_whole", "answer", "may_undo", "settled_by", "created", "started", "finished", "key", "owner",
    )  # fmt: skip

    @admin.display(description="状态", ordering="state")
    def state_badge(self, row: Action) -> SafeString:
        """The state, coloured."""
        return badge(str(ActionState(row.state).label), ACTION_TONES[ActionState(row.state)])

    @admin.display(description="说明")
    def what(self, row: Action) -> SafeString | str:
        """The beginning of the summary."""
        return shortened(row.summary, 50)

    @admin.display(description="说明")
    def whole_summary(self, row: Action) -> SafeString | str:
        """The summary."""
        return preformatted(row.summary)

    @admin.display(description="参数")
    def values(self, row: Action) -> SafeString | str:
        """The arguments, exactly."""
        return as_json(row.arguments)

    @admin.display(description="结果")
    def came_back(self, row: Action) -> SafeString | str:
        """The beginning of the result."""
        return shortened(row.result, 50)

    @admin.display(description="结果")
    def came_back_whole(self, row: Action) -> SafeString | str:
        """The result."""
        return preformatted(row.result)

    @admin.display(description="对方应答")
    def answer(self, row: Action) -> SafeString | str:
        """What the other side said."""
        return as_json(row.response)

    @admin.display(description="连接器", ordering="connector")
    def through(self, row: Action) -> str:
        """Without one nothing is changed."""
        return "演练" if row.connector == "dry_run" else row.connector or NOTHING

    @admin.display(description="审批")
    def approval(self, row: Action) -> SafeString | str:
        """To the proposal."""
        if row.proposal is None:
            return NOTHING
        address = reverse("web:approval", args=[row.proposal_id])
        return format_html('<a class="bf-link" href="{}">{}</a>', address, row.proposal.code)

    @admin.display(description="撤销的是")
    def undoing(self, row: Action) -> SafeString | str:
        """To the action that this one takes back."""
        return (
            link("secops_agent_action", row.undo_of_id, f"#{row.undo_of_id}") if row.undo_of_id else NOTHING
        )

    @admin.display(description="可撤销", boolean=True)
    def may_undo(self, row: Action) -> bool:
        """Whether the connector gave an address to take it back."""
        return row.undo_url is not None

    @admin.display(description="批准时间", ordering="created_at")
    def created(self, row: Action) -> SafeString | str:
        """When it was ordered."""
        return moment(row.created_at)

    @admin.display(description="开始时间")
    def started(self, row: Action) -> SafeString | str:
        """When the call began."""
        return moment(row.started_at)

    @admin.display(description="结束时间")
    def finished(self, row: Action) -> SafeString | str:
        """When the result was stored."""
        return moment(row.finished_at)
