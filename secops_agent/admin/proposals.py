"""操作审批: what was asked for, who decided, and deciding."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from bifang.core.admin.base import RecordScreen, as_json, badge, moment, preformatted, shortened
from secops_agent.agent.controls import VERDICTS, Keystroke, decide_as_user, object_to_user
from secops_agent.models import Proposal, ProposalState
from secops_agent.models.proposal import Risk
from secops_agent.services import approvals
from secops_agent.services.decisions import Verdict
from secops_agent.services.eligibility import account_of, same_person
from secops_agent.services.proposals import prospect_of

PROPOSAL_TONES = {
    ProposalState.PROPOSED: "warn", ProposalState.CONFIRMED: "ok", ProposalState.APPROVED: "ok",
    ProposalState.REJECTED: "bad", ProposalState.CANCELLED: "idle", ProposalState.EXPIRED: "idle",
}  # fmt: skip


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
    change_form_outer_before_template = "admin/secops_agent/verdicts.html"
    fields = (
        "code", "state_badge", "title", "tool", "risk", "whole_summary", "values", "asker_name", "asker_id", "corp_id",
        "robot", "conversation_id",
        "created", "expires", "decider_name", "decided", "reason", "outcome", "seal",
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

    @admin.display(description="机器人")
    def robot(self, row: Proposal) -> str:
        """The configuration's name; its page is not for everyone who decides."""
        return row.config.name

    @admin.display(description="摘要")
    def seal(self, row: Proposal) -> SafeString | str:
        """Broken where the page is narrow."""
        return preformatted(row.digest)

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

    # Deciding: buttons on the page of one proposal lead to a page that asks again

    def get_urls(self) -> list[URLPattern]:
        """With the page that asks again."""
        view = self.admin_site.admin_view(self.decide_view)
        return [
            path("<int:object_id>/decide/", view, name="secops_agent_proposal_decide"),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """With what this person may decide, and why not."""
        row = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if row is not None and row.state == ProposalState.PROPOSED:
            objections = {verdict: self._objection(request, row, verdict) for verdict in _verdicts(row)}
            context = {
                "bf_verdicts": [
                    (name, _word(request, row, name)) for name, reason in objections.items() if not reason
                ],
                "bf_why_not": next(iter(objections.values())),
                "bf_prospect": prospect_of(row),
                "bf_decide_url": reverse("admin:secops_agent_proposal_decide", args=[row.pk]),
            }
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def _objection(self, request: HttpRequest, row: Proposal, verdict: Verdict) -> str:
        if not self.has_operate_permission(request):
            return "您的角色不能决定操作审批。"
        return object_to_user(row, _keystroke(request, row, verdict))

    def decide_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """GET ``verdict``: the question; POST ``verdict``, ``reason``: the decision, by every rule of the chat."""
        row = self.get_object(request, str(object_id))
        verdict: Any = request.POST.get("verdict") or request.GET.get("verdict")
        if row is None or verdict not in VERDICTS:
            raise Http404
        if not self.has_operate_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            decision = decide_as_user(row, _keystroke(request, row, verdict))
            tell = messages.error if decision.status == "refused" else messages.success
            tell(request, decision.text)
        elif not self._objection(request, row, verdict):
            return self._ask_again(request, row, verdict)
        else:
            messages.error(request, self._objection(request, row, verdict))
        return redirect("admin:secops_agent_proposal_change", object_id)

    def _ask_again(self, request: HttpRequest, row: Proposal, verdict: Verdict) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{_word(request, row, verdict)}「{row.title}」？",
            "proposal": row,
            "verdict": verdict,
            "word": _word(request, row, verdict),
            "prospect": prospect_of(row) if verdict == "approve" else "",
            "arguments": as_json(row.arguments),
        }
        return TemplateResponse(request, "admin/secops_agent/decide.html", context)


def _verdicts(row: Proposal) -> tuple[Verdict, ...]:
    return ("confirm" if row.risk == Risk.WRITE else "approve", "reject")


def _word(request: HttpRequest, row: Proposal, verdict: Verdict) -> str:
    account = account_of(request.user.pk, row.corp_id)
    own = account is not None and row.asked_by is not None and same_person(row.asked_by, account)
    return approvals.WORDS["withdraw" if own and verdict == "reject" else verdict]


def _keystroke(request: HttpRequest, row: Proposal, verdict: Verdict) -> Keystroke:
    through = f"admin:{request.user.pk}:{row.pk}"
    return Keystroke(
        request.user.pk, verdict, through, "admin", " ".join(request.POST.get("reason", "").split())[:500]
    )
