"""处置动作: what was carried out, and what came back."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bifang.channels.admin.rows import link
from bifang.core.admin.base import NOTHING, RecordScreen, as_json, badge, moment, preformatted, shortened
from bifang.core.errors import BifangError
from secops_agent.admin.inventory import actor_of
from secops_agent.models import Action, ActionState
from secops_agent.services.decisions import actions, undo
from secops_agent.services.people.eligibility import demand_account

ACTION_TONES = {
    ActionState.PENDING: "info", ActionState.CLAIMED: "info", ActionState.CALLING: "info", ActionState.DONE: "ok",
    ActionState.DRY: "idle", ActionState.FAILED: "bad", ActionState.UNKNOWN: "warn",
}  # fmt: skip


@admin.register(Action)
class ActionScreen(RecordScreen):
    """What was carried out, and what came back."""

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
    actions = ("settle_executed", "settle_not_executed", "undo")
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

    def has_settle_permission(self, request: HttpRequest) -> bool:
        """May this person say what became of an unknown result?"""
        return request.user.has_perm("secops_agent.settle_action")

    @admin.action(description="核实：对方已经执行", permissions=["settle"])
    def settle_executed(self, request: HttpRequest, queryset: QuerySet[Action]) -> None:
        """An unknown result is known now."""
        _each(request, queryset, lambda pk, actor: actions.settle(pk, actor, executed=True))

    @admin.action(description="核实：对方没有执行", permissions=["settle"])
    def settle_not_executed(self, request: HttpRequest, queryset: QuerySet[Action]) -> None:
        """An unknown result is known now."""
        _each(request, queryset, lambda pk, actor: actions.settle(pk, actor, executed=False))

    @admin.action(description="申请撤销（须另一位审批人同意）", permissions=["operate"])
    def undo(self, request: HttpRequest, queryset: QuerySet[Action]) -> None:
        """Propose to take it back through the connector."""
        for row in queryset.select_related("proposal").order_by("pk"):
            try:
                asker = demand_account(request.user.pk, row.proposal.corp_id if row.proposal else "")
                proposal = undo.request(row.pk, asker, "admin")
            except BifangError as error:
                messages.error(request, error.message)
            else:
                messages.success(
                    request, f"已提出「{proposal.title}」（{proposal.code}），等待另一位审批人同意。"
                )


def _each(request: HttpRequest, rows: QuerySet[Action], act: Any) -> None:
    """Do it to each, telling what was refused."""
    actor = actor_of(request)
    for pk in rows.order_by("pk").values_list("pk", flat=True):
        try:
            done = act(pk, actor)
        except BifangError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, f"#{done.pk} {done.title}：{ActionState(done.state).label}。")
