"""审批: what people ask for, on what, on which grounds; deciding it, and what came of it."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from bifang.channels.text.visible import visible
from bifang.core.admin.base import CappedPaginator
from bifang.core.errors import InvalidInput
from secops_agent.admin.inventory import actor_of
from secops_agent.agent.acting.controls import VERDICTS, DirectDecision, decide_as_user, object_to_user
from secops_agent.models import (
    Action,
    ActionState,
    Alert,
    Asset,
    Finding,
    Proposal,
    ProposalState,
    Staff,
)
from secops_agent.models.automation.action import NOTHING_DONE
from secops_agent.models.automation.proposal import Risk, undecided
from secops_agent.services import links
from secops_agent.services.alerts import indicators
from secops_agent.services.assets import inventory
from secops_agent.services.assets.views import AssetDetail
from secops_agent.services.clock import clock
from secops_agent.services.decisions import actions, approvals, pending, undo, views
from secops_agent.services.decisions.carriers import BATCH, UNDO
from secops_agent.services.decisions.ledger.entries import first_named
from secops_agent.services.decisions.proposals import prospect_of
from secops_agent.services.decisions.requests import Verdict
from secops_agent.services.decisions.wording import asked_in
from secops_agent.services.faults import NotFound
from secops_agent.services.mcp.orders import CALL
from secops_agent.services.people.eligibility import demand_account, same_person
from secops_agent.services.people.logins import accounts, homes_of
from secops_agent.services.privacy import login_may_read
from secops_agent.web.access import page
from secops_agent.web.argument_words import values_told
from secops_agent.web.estate.flaw_rows import FindingLine, line
from secops_agent.web.listing import ListLink
from secops_agent.web.triage.alert_rows import plain_line

# What a page shows of a proposal: the line of a list, what it is aimed at, and its course.

TONES: Final = {
    ProposalState.PROPOSED: "warn", ProposalState.CONFIRMED: "ok", ProposalState.APPROVED: "ok",
    ProposalState.REJECTED: "bad", ProposalState.CANCELLED: "idle", ProposalState.EXPIRED: "idle",
}  # fmt: skip
ALERTS_SHOWN: Final = 5
ADDRESSES_SHOWN: Final = 3  # of many


@dataclass(frozen=True, slots=True)
class ProposalLine:
    """A proposal in a list. ``outcome``: of the action it became, "" if none."""

    row: Proposal
    state: str
    tone: str
    dangerous: bool
    is_open: bool
    outcome: str
    outcome_tone: str


@dataclass(frozen=True, slots=True)
class Aim:
    """What a proposal is aimed at, as far as this person may see it: the alert that its reason names (page, name), values, an asset of ours,
    sightings of its first addresses, findings with their assets."""

    alert: tuple[str, str] | None
    values: tuple[tuple[str, str], ...]
    asset: AssetDetail | None
    gone: str
    sightings: tuple[indicators.Sightings, ...]
    findings: tuple[tuple[FindingLine, Asset], ...]


@dataclass(frozen=True, slots=True)
class CourseStep:
    """One point of the course. ``tone``: ok, bad or ""."""

    at: datetime
    text: str
    detail: str = ""
    tone: str = ""


def card(row: Proposal) -> ProposalLine:
    """The line of a list; `row` was read with its action."""
    state = ProposalState(row.state)
    action: Action | None = getattr(row, "action", None)
    is_open = state == ProposalState.PROPOSED and row.expires_at > timezone.now()
    late = state == ProposalState.PROPOSED and not is_open
    shown = ProposalState.EXPIRED if late else state
    done = ActionState(action.state) if action else None
    rehearsed = done == ActionState.DRY  # the first thing that is said of it: nothing was changed
    return ProposalLine(
        row, f"{shown.label}，只做了演练" if rehearsed else str(shown.label), "warn" if rehearsed else TONES[shown],
        row.risk == Risk.DANGEROUS, is_open,
        str(done.label) if done and not rehearsed else "", ACTION_TONES[done] if done else "",
    )  # fmt: skip


def target(request: HttpRequest, row: Proposal) -> Aim:
    """What it is aimed at."""
    arguments = _aimed(row)
    asset, gone = _asset(request, arguments)
    told = asset is None and request.user.has_perm("secops_agent.view_alert")
    addresses = islice(_addresses(arguments), ADDRESSES_SHOWN) if told else ()
    private = login_may_read(request.user)
    seen = tuple(indicators.lookup(each, limit=ALERTS_SHOWN, private=private) for each in addresses)
    values = (pair for pair in row.arguments.items() if pair[0] != "tool" or row.tool != BATCH)
    named = (
        first_named(str(arguments.get("reason", "")))
        if request.user.has_perm("secops_agent.view_alert")
        else 0
    )
    row_named = Alert.objects.filter(pk=named).first() if named else None
    alert = (links.alert(named), f"A{named} {plain_line(row_named.title)}") if row_named else None
    return Aim(
        alert, tuple(values_told(dict(values))), asset, gone, seen, tuple(_findings(request, arguments))
    )


def _findings(request: HttpRequest, arguments: Mapping[str, Any]) -> Iterator[tuple[FindingLine, Asset]]:
    """What is urgent first."""
    codes, now = str(arguments.get("findings", "")).split(","), timezone.now()
    ids = [int(code[1:]) for code in codes if code[1:].isdecimal()]
    if ids and request.user.has_perm("secops_agent.view_finding"):
        rows = Finding.objects.select_related("asset__owner", "assignee", "component", "vulnerability")
        for row in rows.filter(pk__in=ids).order_by("-priority", "-id"):
            yield line(row, now), row.asset


def _aimed(row: Proposal) -> Mapping[str, Any]:
    """The arguments; those of the action for what takes it back, those of the tool for a call of it."""
    arguments: Mapping[str, Any] = row.arguments
    if row.tool == UNDO:
        first = Action.objects.filter(pk=int(arguments["action_id"])).first()
        arguments = first.arguments if first else {}
    inner = arguments.get("arguments")
    return inner if row.tool == CALL and isinstance(inner, dict) else arguments


def _asset(request: HttpRequest, arguments: Mapping[str, Any]) -> tuple[AssetDetail | None, str]:
    wanted = arguments.get("asset_id")
    if not isinstance(wanted, int) or not request.user.has_perm("secops_agent.view_asset"):
        return None, ""
    try:
        return inventory.get(wanted), ""
    except NotFound as error:
        return None, error.message


def _addresses(arguments: Mapping[str, Any]) -> Iterator[str]:
    for value in chain.from_iterable(
        each if isinstance(each, list) else [each] for each in arguments.values()
    ):
        try:
            yield str(ipaddress.ip_address(str(value)))
        except ValueError:
            continue


def story(row: Proposal, action: Action | None) -> list[CourseStep]:
    """Its course so far, the oldest first."""
    course = [CourseStep(row.created_at, f"{row.asker_name} 提出（{asked_in(row)}）")]
    if row.decided_at is not None:
        tone = "ok" if row.state in (ProposalState.CONFIRMED, ProposalState.APPROVED) else "bad"
        said = f"理由：{row.reason}" if row.reason else ""
        course.append(
            CourseStep(row.decided_at, f"{row.decider_name} {ProposalState(row.state).label}", said, tone)
        )
    elif row.expires_at <= timezone.now():
        course.append(CourseStep(row.expires_at, "没有人决定，已过期"))
    return [*course, *(_carried_out(action) if action else ())]


def _carried_out(action: Action) -> Iterator[CourseStep]:
    if action.started_at is not None:
        through = "演练" if action.connector == "dry_run" else action.connector
        yield CourseStep(action.started_at, f"开始执行（{through}）" if through else "开始执行")
    if action.finished_at is not None:
        tone = {"done": "ok", "failed": "bad", "unknown": "bad"}.get(action.state, "")
        yield CourseStep(action.finished_at, str(ActionState(action.state).label), action.result, tone)
    if action.settled_by:
        yield CourseStep(action.finished_at or action.created_at, f"{action.settled_by} 核实了结果")


ACTION_TONES: Final = {
    ActionState.PENDING: "info", ActionState.CLAIMED: "info", ActionState.CALLING: "info", ActionState.DONE: "ok",
    ActionState.DRY: "idle", ActionState.FAILED: "bad", ActionState.UNKNOWN: "warn",
}  # fmt: skip
VIEW: Final = "secops_agent.view_proposal"
DECIDE: Final = "secops_agent.change_proposal"
TABS: Final = (
    ("", "等我决定"),
    ("own", "我提出的"),
    ("waiting", "等待中"),
    ("decided", "已决定"),
    ("unknown", "结果未知"),
    ("all", "全部"),
)
PER_PAGE: Final = 20
LONGEST_SEARCH: Final = 100


@page(VIEW)
def proposals(request: HttpRequest) -> HttpResponse:
    """The list. ``tab``: one of `TABS`, by itself the first that has something for this person; ``q``: a code, a person, a
    word of the summary."""
    people = [account for account in accounts(request.user) if account.active]
    waiting = pending.everything(people)
    # Their own writes, and what others ask an approver for.
    mine = [row.pk for row, decides in waiting if decides]
    asked = any(row.asked_by in people for row, _ in waiting)
    tab = request.GET.get("tab", "" if mine or not asked else "own")
    rows = _searched(_of_tab(request, tab, mine, people), request.GET.get("q", "").strip()[:LONGEST_SEARCH])
    pages: Paginator[Proposal] = CappedPaginator(rows.select_related("config", "action"), PER_PAGE)
    shown = pages.get_page(request.GET.get("page"))
    context = {
        "title": "审批",
        "tabs": [
            ListLink(label, f"?tab={key}", key == tab, str(len(mine) or "") if not key else "")
            for key, label in TABS
        ],
        "tab": tab,
        "q": request.GET.get("q", ""),
        "pages": shown,
        "cards": [card(row) for row in shown.object_list],
    }
    return render(request, "pages/approvals.html", context)


def _seen(request: HttpRequest) -> QuerySet[Proposal]:
    """Of this person's corporations."""
    return views.seen_by(homes_of(request.user))


def _of_tab(
    request: HttpRequest, tab: str, mine: Sequence[int], people: Sequence[Staff]
) -> QuerySet[Proposal]:
    rows = _seen(request).order_by("-id")
    still_open = undecided()
    if tab == "waiting":
        return rows.filter(still_open)
    if tab == "own":
        return rows.filter(asked_by__in=people)
    if tab == "decided":
        return rows.exclude(still_open)
    if tab == "unknown":
        related = ("proposal", "batch", "undo_of__proposal", "undo_of__batch")
        unknown = Action.objects.filter(state=ActionState.UNKNOWN).select_related(*related)
        return rows.filter(pk__in={first.pk for each in unknown if (first := each.ordered_by)})
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
    row = get_object_or_404(_seen(request).select_related(*related), pk=pk)
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
        "asked": _asked(row),
        "action": action,
        "ordered": Action.objects.filter(batch=row).select_related("undone_by").order_by("pk")
        if row.tool == BATCH
        else (),
        "story": story(row, action),
        "may_undo": action is not None and _may_undo(request, action),
        "settles": (settles := request.user.has_perm("secops_agent.settle_action")),
        "may_call_off": request.user.has_perm(DECIDE) and _waits(row, action),
        "may_settle": settles and action is not None and action.state == "unknown",
    }
    return render(request, "pages/approval.html", context)


def _asked(row: Proposal) -> str:
    """Who is to decide it, and when they are asked again; "" once it is decided or too late."""
    if row.state != ProposalState.PROPOSED or row.expires_at <= timezone.now():
        return ""
    own = f"等 {visible(row.asker_name)} 本人确认，不会另外催"
    again = (
        f"{clock(row.reminded_at)} 又催过一次"
        if row.reminded_at
        else f"到 {clock(row.remind_at)} 还没有人决定再催一次"
    )
    others = f"等另一位审批人决定：提出时给每位审批人各发过一次，{again}"
    return f"{own if row.risk == Risk.WRITE else others}；到 {clock(row.expires_at)} 没有人决定就过期。"


def _waits(row: Proposal, action: Action | None) -> bool:
    """Did it order something that has not begun?"""
    batched = row.tool == BATCH and Action.objects.filter(batch=row, state=ActionState.PENDING).exists()
    return batched or (action is not None and action.state == ActionState.PENDING)


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


def _keystroke(request: HttpRequest, row: Proposal, verdict: Verdict) -> DirectDecision:
    through = f"admin:{request.user.pk}:{row.pk}"
    reason = " ".join(request.POST.get("reason", "").split())[:500]
    return DirectDecision(request.user.pk, verdict, through, "admin", reason)


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
    return (
        redirect("web:approval", pk) if _seen(request).filter(pk=pk).exists() else redirect("web:approvals")
    )


def _may_undo(request: HttpRequest, action: Action) -> bool:
    taken_back = hasattr(action, "undone_by") and action.undone_by.state not in NOTHING_DONE
    possible = action.state == "done" and action.undo_url is not None and not taken_back
    return possible and request.user.has_perm(DECIDE)


@require_POST
@page(VIEW, DECIDE, back="web:approval")
def take_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for the undoing of what was done: another approver decides."""
    action = get_object_or_404(
        Action.objects.select_related("proposal"), proposal__in=_seen(request).filter(pk=pk)
    )
    asked = undo.request(action.pk, _asker(request, action), "admin")
    messages.success(request, f"已提出「{asked.title}」（{asked.code}），等待另一位审批人同意。")
    return redirect("web:approval", asked.pk)


@require_POST
@page(VIEW, DECIDE, back="web:approval")
def call_off(request: HttpRequest, pk: int) -> HttpResponse:
    """What it ordered and has not begun is not done any more."""
    actions.call_off(get_object_or_404(_seen(request), pk=pk), actor_of(request))
    messages.success(request, "已撤回，不会执行；已告诉提出人和批准人。")
    return redirect("web:approval", pk)


def _asker(request: HttpRequest, action: Action) -> Staff:
    return demand_account(request.user.pk, action.proposal.corp_id if action.proposal else "")


@require_POST
@page(VIEW, back="web:approval")
def settle(request: HttpRequest, pk: int) -> HttpResponse:
    """POST ``executed`` yes|no: what a person found out about an unknown result. ``action``: which, of a batch, or the release
    that nobody proposed (its time was over, it was a mistake)."""
    if not request.user.has_perm("secops_agent.settle_action"):
        raise PermissionDenied
    one = request.POST.get("action", "")
    chosen = {"pk": one} if one.isdecimal() and len(one) <= 18 else {"proposal_id": pk}
    ours = Q(proposal_id=pk) | Q(batch_id=pk) | Q(undo_of__proposal_id=pk) | Q(undo_of__batch_id=pk)
    action = get_object_or_404(Action.objects.filter(ours), **chosen)
    found = {"yes": True, "no": False}.get(request.POST.get("executed", ""))
    if found is None:
        raise InvalidInput("请选择对方是否已经执行。")
    actions.settle(action.pk, actor_of(request), executed=found)
    messages.success(request, "已登记核实的结果。")
    return redirect("web:approval", pk)
