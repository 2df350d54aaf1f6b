"""操作审批: what people ask for, on what, on which grounds; deciding it, and what came of it."""

from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from bifang.core.admin.base import CappedPaginator
from bifang.core.db import database_now
from bifang.core.errors import BifangError, InvalidInput
from secops_agent.admin.inventory import actor_of
from secops_agent.agent.controls import NOT_LISTED, VERDICTS, Keystroke, decide_as_user, object_to_user
from secops_agent.models import Action, Proposal, ProposalState, Staff
from secops_agent.models.proposal import Risk
from secops_agent.services.decisions import actions, approvals, pending, undo
from secops_agent.services.decisions.proposals import prospect_of
from secops_agent.services.decisions.requests import Verdict
from secops_agent.services.people.eligibility import account_of, same_person
from secops_agent.services.people.logins import accounts
from secops_agent.web.access import page
from secops_agent.web.approval_views import card, story, target

VIEW: Final = "secops_agent.view_proposal"
DECIDE: Final = "secops_agent.change_proposal"
TABS: Final = (("", "等我决定"), ("waiting", "等待中"), ("decided", "已决定"), ("all", "全部"))
PER_PAGE: Final = 20
LONGEST_SEARCH: Final = 100


@page(VIEW)
def proposals(request: HttpRequest) -> HttpResponse:
    """The list. ``tab``: one of `TABS`; ``q``: a code, a person, a word of the summary."""
    tab = request.GET.get("tab", "")
    mine = _waiting_for(request)
    rows = _searched(_of_tab(tab, mine), request.GET.get("q", "").strip()[:LONGEST_SEARCH])
    pages: Paginator[Proposal] = CappedPaginator(rows.select_related("config", "action"), PER_PAGE)
    shown = pages.get_page(request.GET.get("page"))
    context = {
        "title": "操作审批",
        "tabs": [(key, label, len(mine) if not key else None) for key, label in TABS],
        "tab": tab,
        "q": request.GET.get("q", ""),
        "pages": shown,
        "cards": [card(row) for row in shown.object_list],
    }
    return render(request, "pages/approvals.html", context)


def _waiting_for(request: HttpRequest) -> list[int]:
    """Ids of what this person can decide now: their own writes, and what others ask an approver for."""
    mine = [account for account in accounts(request.user) if account.active]
    return [row.pk for row, decides in pending.everything(mine) if decides]


def _of_tab(tab: str, mine: list[int]) -> QuerySet[Proposal]:
    rows = Proposal.objects.order_by("-id")
    still_open = Q(state=ProposalState.PROPOSED, expires_at__gt=database_now())
    if tab == "waiting":
        return rows.filter(still_open)
    if tab == "decided":
        return rows.exclude(still_open)
    return rows if tab == "all" else rows.filter(pk__in=mine)


def _searched(rows: QuerySet[Proposal], words: str) -> QuerySet[Proposal]:
    if not words:
        return rows
    named = Q(asker_name__contains=words) | Q(decider_name__contains=words) | Q(asker_id=words)
    return rows.filter(Q(code=words.upper()) | named | Q(summary__contains=words))


@page(VIEW)
def proposal(request: HttpRequest, pk: int) -> HttpResponse:
    """One proposal, with what a decision would set going and what became of it."""
    related = ("config", "asked_by", "action__undone_by", "action__undo_of")
    row = get_object_or_404(Proposal.objects.select_related(*related), pk=pk)
    action: Action | None = getattr(row, "action", None)
    possible, why_not = _possible(request, row)
    context = {
        "title": f"{row.title} {row.code}",
        "row": row,
        "card": card(row),
        "target": target(request, row),
        "prospect": prospect_of(row) if row.state == ProposalState.PROPOSED else "",
        "verdicts": _worded(request, row, possible),
        "why_not": why_not,
        "action": action,
        "story": story(row, action),
        "may_undo": action is not None and _may_undo(request, action),
        "may_settle": action is not None
        and action.state == "unknown"
        and request.user.has_perm("secops_agent.settle_action"),
    }
    return render(request, "pages/approval.html", context)


def _possible(request: HttpRequest, row: Proposal) -> tuple[tuple[Verdict, ...], str]:
    """The verdicts open to this person, and why the first is not. Who may say yes may say no."""
    if row.state != ProposalState.PROPOSED:
        return (), ""
    first: Verdict = "confirm" if row.risk == Risk.WRITE else "approve"
    why_not = _objection(request, row, first)
    if not why_not:
        return (first, "reject"), ""
    return (() if _objection(request, row, "reject") else ("reject",)), why_not


def _objection(request: HttpRequest, row: Proposal, verdict: Verdict) -> str:
    if not request.user.has_perm(DECIDE):
        return "您的角色不能决定审批。"
    return object_to_user(row, _keystroke(request, row, verdict))


def _worded(request: HttpRequest, row: Proposal, possible: tuple[Verdict, ...]) -> list[tuple[str, str]]:
    own = row.asked_by is not None and any(same_person(row.asked_by, each) for each in accounts(request.user))
    words = approvals.WORDS | ({"reject": approvals.WORDS["withdraw"]} if own else {})
    return [(verdict, words[verdict]) for verdict in possible]


def _keystroke(request: HttpRequest, row: Proposal, verdict: Verdict) -> Keystroke:
    through = f"admin:{request.user.pk}:{row.pk}"
    reason = " ".join(request.POST.get("reason", "").split())[:500]
    return Keystroke(request.user.pk, verdict, through, "admin", reason)


@require_POST
@page(VIEW, DECIDE)
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """POST ``verdict``, ``reason``: the decision, by every rule of the chat."""
    row = get_object_or_404(Proposal, pk=pk)
    verdict: Any = VERDICTS.get(request.POST.get("verdict", ""))
    if verdict is None:
        messages.error(request, "没有这个决定。")
        return redirect("web:approval", pk)
    decision = decide_as_user(row, _keystroke(request, row, verdict))
    tell = messages.error if decision.status == "refused" else messages.success
    tell(request, decision.text)
    return redirect("web:approval", pk)


def _may_undo(request: HttpRequest, action: Action) -> bool:
    possible = action.state == "done" and action.undo_url is not None and not hasattr(action, "undone_by")
    return possible and request.user.has_perm(DECIDE)


@require_POST
@page(VIEW, DECIDE)
def take_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for the undoing of what was done: another approver decides."""
    action = get_object_or_404(Action.objects.select_related("proposal"), proposal_id=pk)
    try:
        asked = undo.request(action.pk, _asker(request, action), "admin")
    except BifangError as error:
        messages.error(request, error.message)
        return redirect("web:approval", pk)
    messages.success(request, f"已提出「{asked.title}」（{asked.code}），等待另一位审批人同意。")
    return redirect("web:approval", asked.pk)


def _asker(request: HttpRequest, action: Action) -> Staff:
    account = account_of(request.user.pk, action.proposal.corp_id if action.proposal else "")
    if account is None:
        raise InvalidInput(NOT_LISTED)
    return account


@require_POST
@page(VIEW)
def settle(request: HttpRequest, pk: int) -> HttpResponse:
    """POST ``executed`` yes|no: what a person found out about an unknown result."""
    if not request.user.has_perm("secops_agent.settle_action"):
        raise PermissionDenied
    action = get_object_or_404(Action, proposal_id=pk)
    found = {"yes": True, "no": False}.get(request.POST.get("executed", ""))
    try:
        if found is None:
            raise InvalidInput("请选择对方是否已经执行。")
        actions.settle(action.pk, actor_of(request), executed=found)
    except BifangError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, "已登记核实的结果。")
    return redirect("web:approval", pk)
