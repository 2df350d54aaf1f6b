"""操作审批 and 处置动作: what was asked for, who decided, what was carried out."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from bifang.channels.admin.rows import link
from bifang.core.admin.base import NOTHING, RecordScreen, as_json, badge, moment, preformatted, shortened
from bifang.core.errors import BifangError
from secops_agent.admin.estate import actor_of
from secops_agent.agent.controls import DOING
from secops_agent.models import Action, ActionState, Proposal, ProposalState, Role, Staff
from secops_agent.services import actions, approvals, undo
from secops_agent.services.approvals import Ballot, Verdict
from secops_agent.services.staff import Person

PROPOSAL_TONES = {
    ProposalState.PROPOSED: "warn", ProposalState.CONFIRMED: "ok", ProposalState.APPROVED: "ok",
    ProposalState.REJECTED: "bad", ProposalState.CANCELLED: "idle", ProposalState.EXPIRED: "idle",
}  # fmt: skip
ACTION_TONES = {
    ActionState.PENDING: "info", ActionState.CLAIMED: "info", ActionState.CALLING: "info", ActionState.DONE: "ok",
    ActionState.DRY: "idle", ActionState.FAILED: "bad", ActionState.UNKNOWN: "warn",
}  # fmt: skip
NOT_LISTED = "您的登录用户没有对应的「人员」，不能审批：四眼原则比较的是人。请管理员在「人员」里把您和登录用户对应起来。"


@admin.register(Proposal)
class ProposalScreen(RecordScreen):
    """What people asked for; approvers may decide here as well as in the chat."""

    list_display = (
        "code",
        "state_badge",
        "title",
        "what",
        "asker_name",
        "created",
        "decider_name",
        "decided",
    )
    list_filter = ("state", "risk", "tool", "config", "created_at")
    search_fields = ("=code", "asker_name", "decider_name", "=asker_id")
    search_help_text = "按代码、提出人或决定人搜索"
    list_select_related = ("config",)
    actions = ("approve", "reject")
    fields = (
        "code", "state_badge", "title", "tool", "risk", "whole_summary", "values", "asker_name", "asker_id", "config", "conversation_id",
        "created", "expires", "decider_name", "decided", "reason", "outcome", "digest",
    )  # fmt: skip

    @admin.display(description="状态", ordering="state")
    def state_badge(self, row: Proposal) -> SafeString:
        """The state, coloured."""
        return badge(str(ProposalState(row.state).label), PROPOSAL_TONES[ProposalState(row.state)])

    @admin.display(description="说明")
    def what(self, row: Proposal) -> SafeString | str:
        """The beginning of the summary."""
        return shortened(row.summary, 50)

    @admin.display(description="说明")
    def whole_summary(self, row: Proposal) -> SafeString | str:
        """The summary."""
        return preformatted(row.summary)

    @admin.display(description="参数")
    def values(self, row: Proposal) -> SafeString | str:
        """The arguments, exactly."""
        return as_json(row.arguments)

    @admin.display(description="结果")
    def outcome(self, row: Proposal) -> SafeString | str:
        """What the decision brought."""
        return preformatted(row.result)

    @admin.display(description="提出时间", ordering="created_at")
    def created(self, row: Proposal) -> SafeString | str:
        """When it was proposed."""
        return moment(row.created_at)

    @admin.display(description="过期时间", ordering="expires_at")
    def expires(self, row: Proposal) -> SafeString | str:
        """Until when it could be decided."""
        return moment(row.expires_at)

    @admin.display(description="决定时间", ordering="decided_at")
    def decided(self, row: Proposal) -> SafeString | str:
        """When it was decided."""
        return moment(row.decided_at)

    @admin.action(description="同意（须为另一位审批人）", permissions=["operate"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Proposal]) -> None:
        """As 「同意 CODE」 in the chat."""
        _decide(request, queryset, "approve")

    @admin.action(description="拒绝", permissions=["operate"])
    def reject(self, request: HttpRequest, queryset: QuerySet[Proposal]) -> None:
        """As 「拒绝 CODE」 in the chat."""
        _decide(request, queryset, "reject")


def _person(request: HttpRequest) -> Staff | None:
    """Who is at the keyboard; says so if nobody of the staff is."""
    staff = Staff.objects.filter(user__pk=request.user.pk or 0, active=True).first()
    if staff is None:
        messages.error(request, NOT_LISTED)
    return staff


def _decide(request: HttpRequest, rows: QuerySet[Proposal], verdict: Verdict) -> None:
    """Decide as the person at the keyboard, with every rule of the chat."""
    staff = _person(request)
    if staff is None:
        return
    person = Person(staff.corp_id, staff.staff_id, staff.name, Role(staff.role))
    for row in rows.order_by("pk"):
        ballot = Ballot(
            code=row.code, verdict=verdict, person=person, config_id=row.config_id, conversation_id="", is_group=False,
            through=f"admin:{request.user.pk}:{row.pk}", via="admin",
        )  # fmt: skip
        decision = approvals.decide(ballot, DOING)
        tell = messages.error if decision.status == "refused" else messages.success
        tell(request, decision.text)


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
        "connector",
        "created",
        "came_back",
    )
    list_filter = ("state", "tool", "connector", "created_at")
    search_fields = ("=id", "=proposal__code", "asker", "approver")
    search_help_text = "按编号、审批代码、提出人或批准人搜索"
    list_select_related = ("proposal",)
    actions = ("settle_executed", "settle_not_executed", "undo")
    fields = (
        "id", "state_badge", "title", "tool", "whole_summary", "values", "asker", "approver", "approval", "undoing", "connector",
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

    @admin.display(description="审批")
    def approval(self, row: Action) -> SafeString | str:
        """To the proposal."""
        return link("secops_agent_proposal", row.proposal_id, row.proposal.code) if row.proposal else NOTHING

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

    @admin.action(description="核实：对方已经执行", permissions=["operate"])
    def settle_executed(self, request: HttpRequest, queryset: QuerySet[Action]) -> None:
        """An unknown result is known now."""
        _each(request, queryset, lambda pk, actor: actions.settle(pk, actor, executed=True))

    @admin.action(description="核实：对方没有执行", permissions=["operate"])
    def settle_not_executed(self, request: HttpRequest, queryset: QuerySet[Action]) -> None:
        """An unknown result is known now."""
        _each(request, queryset, lambda pk, actor: actions.settle(pk, actor, executed=False))

    @admin.action(description="申请撤销（须另一位审批人同意）", permissions=["operate"])
    def undo(self, request: HttpRequest, queryset: QuerySet[Action]) -> None:
        """Propose to take it back through the connector."""
        asker = _person(request)
        if asker is None:
            return
        for pk in queryset.order_by("pk").values_list("pk", flat=True):
            try:
                proposal = undo.request(pk, asker, "admin")
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
