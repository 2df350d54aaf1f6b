"""封禁台账: everything blocked and isolated through us, what devices say of it, and what people do with several at once."""

from collections.abc import Iterator
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bifang.core.admin.base import badge
from bifang.core.errors import BifangError, InvalidInput
from bifang.core.spreadsheets import csv_file
from secops_agent.models import Role
from secops_agent.models.automation.proposal import Proposal
from secops_agent.models.people.staff import allows
from secops_agent.services.actors import Actor
from secops_agent.services.cases import views as case_views
from secops_agent.services.decisions.carriers import stopped_now
from secops_agent.services.decisions.ledger import batches, blocks, entries
from secops_agent.services.decisions.ledger.blocks import BLOCKS, KIND, STATE, Block, BlockFilter
from secops_agent.services.decisions.targets import refusals
from secops_agent.services.people.eligibility import NOT_LISTED, account_of, demand_account, instead
from secops_agent.services.people.logins import homes_of, role_of
from secops_agent.tools.operations.blocks import standing_words, state_words, until_words
from secops_agent.web import listing
from secops_agent.web.access import page
from secops_agent.web.listing import MOST_EXPORTED, ListLink, ListQuery, chips, counted, page_of

VIEW: Final = "secops_agent.view_blockrecord"
TABS: Final = {
    "now": "现在的",
    "drift": "与设备不一致",
    "mistaken": "误封",
    "ended": "已结束的",
    "all": "全部",
}
SHAPE: Final = listing.shape_of(BLOCKS, {"tab": TABS}, days=(), numbers=())
TITLES: Final = {each.page: each.label for each in BLOCKS.on_page()}
LABELS: Final = {
    (each.page, value): label for each in BLOCKS.on_page() for value, label in each.choices.items()
}
TONES: Final = {
    "active": "ok", "waiting": "warn", "lifting": "warn", "unknown": "warn", "running": "info", "failed": "bad", "dry": "idle",
}  # fmt: skip
SPANS: Final = {
    "60": "1 小时",
    "240": "4 小时",
    "1440": "1 天",
    "10080": "7 天",
    "43200": "30 天",
    "0": "永久",
    "": "按设备默认",
}
_COLUMNS: Final = (
    "对象", "种类", "状态", "起", "到", "理由", "告警", "事件", "提出", "批准", "设备", "设备上有", "核实时间", "核实", "结束", "结束于", "误封登记人",
)  # fmt: skip


@page(VIEW)
@require_safe
def ledger(request: HttpRequest) -> HttpResponse:
    """The list. ``tab``: one of `TABS`; the conditions of `BLOCKS`; ``export=1``: as a table."""
    query, homes = listing.read(request.GET, SHAPE), homes_of(request.user)
    tab = query.get("tab") or "now"
    try:
        rows = blocks.ordered(_wanted(query, tab))
    except BifangError as error:
        messages.error(request, error.message)
        rows = blocks.ordered(BlockFilter()).none()
    if request.GET.get("export"):
        return csv_file("blocks", _COLUMNS, map(_cells, blocks.views(rows[:MOST_EXPORTED], homes)))
    pages, role = page_of(rows, request.GET), role_of(request.user)
    lines = [_line(each) for each in blocks.views(pages.object_list, homes)]
    context = {
        "title": "封禁台账", "tabs": list(_tabs(query, tab)), "tab": tab, "query": query, "pages": pages, "total": counted(pages),
        "chips": chips(query, TITLES, LABELS), "kinds": entries.KINDS.items(), "export_url": f"{query.with_(export='1')}",
        "lines": lines, "releasable": any(each["releasable"] for each in lines), "most_exported": MOST_EXPORTED,
        "waiting": [_line(each) for each in blocks.waiting_blocks(homes)] if tab == "now" else (),
        "devices": blocks.devices() if tab in ("now", "drift") else (),
        "may_ask": allows(role, Role.RESPONDER), "may_release": allows(role, Role.APPROVER),
    }  # fmt: skip
    return render(request, "pages/blocks.html", context)


def _tabs(query: ListQuery, tab: str) -> Iterator[ListLink]:
    return (ListLink(label, query.with_(tab=key), key == tab) for key, label in TABS.items())


def _wanted(query: ListQuery, tab: str) -> BlockFilter:
    values: dict[str, Any] = query.values_of(BLOCKS)
    flags = {tab: True} if tab in ("drift", "mistaken") else {}
    return BlockFilter(**{"standing": tab if tab in ("now", "ended") else "", **values, **flags})


def _line(each: Block) -> dict[str, Any]:
    return {
        "block": each, "releasable": each.can_end and each.state == "active", "state": state_words(each), "until": until_words(each),
        "tone": _tone(each), "mistake": entries.MISTAKES.get(each.kind, "误封"),
    }  # fmt: skip


def _tone(each: Block) -> str:
    return "bad" if each.drifts else TONES.get(each.state, "idle")


def standing_badge(each: Block | None) -> SafeString | str:
    """Beside its target; "" for what is not blocked."""
    return badge(standing_words(each), _tone(each)) if each else ""


def _cells(each: Block) -> tuple[Any, ...]:
    seen = {None: "", True: "有", False: "没有"}[each.stands]
    return (
        each.target, KIND[each.kind], STATE[each.state], each.at, each.until or until_words(each), each.reason,
        f"A{each.alert}" if each.alert else "", f"E{each.case}" if each.case else "", each.asked_by, each.approved_by, each.device, seen,
        each.verified_at or "", each.proof, each.ended_by, each.ended_at or "", each.mistaken_by,
    )  # fmt: skip


@page(VIEW, back="web:blocks")
@require_POST
def act(request: HttpRequest) -> HttpResponse:
    """POST ``act`` release (``ids``, ``reason``: asked for, together) or mistaken (``id``, ``reason``: at once)."""
    reason = " ".join(request.POST.get("reason", "").split())[:500]
    account = demand_account(request.user.pk)
    if request.POST.get("act") == "mistaken":
        row = entries.mistaken(_number(request.POST.get("id", "")), Actor.person(account, "admin"), reason)
        messages.success(
            request, f"已登记{entries.MISTAKES[row.kind]}，正在解除 {row.target}；结果会告诉提出人和批准人。"
        )
    else:
        ids = [_number(each) for each in request.POST.getlist("ids")]
        _told(request, batches.plan_releases(ids, reason, account.corp_id))
    return redirect("web:blocks")


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise InvalidInput("请先选择。")
    return int(text)


def _told(request: HttpRequest, plan: batches.BatchPlan) -> Proposal:
    asked = batches.request(plan, demand_account(request.user.pk), "admin")
    link = format_html(
        '<a class="bf-link" href="{}">{}</a>', reverse("web:approval", args=[asked.pk]), asked.code
    )
    messages.success(
        request,
        format_html("已提出「{}」{}，还没有执行：要另一位审批人同意。{}", asked.title, link, stopped_now()),
    )
    for target, why in list(plan.refused.items())[:50]:
        messages.warning(request, f"没有列入：{target} {why}")
    return asked


def blocking_barred(user: Any) -> str:
    """Why this login cannot ask for a block, and who can; "" if it can."""
    if allows(role_of(user), Role.RESPONDER):
        return ""
    account = account_of(user.pk)
    return f"提出封禁和解除{instead(Role.RESPONDER, account.corp_id)}" if account else NOT_LISTED


@page(VIEW)
@require_http_methods(["GET", "POST"])
def block_many(request: HttpRequest) -> HttpResponse:
    """GET ``case``, ``targets``: the form, for those who may send it. POST ``targets``, ``minutes``, ``reason``, ``case``: asked for as one."""
    if request.method == "POST":
        try:
            asked = _told(request, _planned(request))
            return redirect("web:approval", asked.pk)
        except BifangError as error:
            messages.error(request, error.message)
    data = request.POST or request.GET
    case = data.get("case", "")
    context = {
        "title": "封禁地址",
        "barred": blocking_barred(request.user),
        "targets": data.get("targets", "") or _of_case(case),
        "case": case if case.isdecimal() else "",
        "spans": list(SPANS.items()),
        "minutes": data.get("minutes", "1440"),
        "reason": data.get("reason", ""),
        "most": batches.MOST,
    }
    return render(request, "pages/blocks_new.html", context)


def _planned(request: HttpRequest) -> batches.BatchPlan:
    minutes, case = request.POST.get("minutes", ""), request.POST.get("case", "")
    if minutes not in SPANS:
        raise InvalidInput("请选择时长。")
    reason = " ".join(request.POST.get("reason", "").split())[:500]
    span = int(minutes) if minutes else None
    return batches.plan_blocks(request.POST.get("targets", ""), span, reason, _number(case) if case else None)


def _of_case(case: str) -> str:
    """The addresses in the alerts of a case that may be blocked, a line each."""
    if not case.isdecimal() or len(case) > 18:
        return ""
    seen = case_views.get(int(case)).indicators
    addresses = [each.value for each in seen if each.kind == "ip"]
    refused = refusals(addresses)
    return "\n".join(each for each in addresses if each not in refused)
