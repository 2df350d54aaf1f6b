"""事件: the list."""

from typing import Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from bifang.core.admin.base import CappedPaginator
from secops_agent.admin.inventory import actor_of
from secops_agent.models import Case, CaseStatus, Staff
from secops_agent.models.choices import Severity
from secops_agent.services.cases import orders
from secops_agent.services.cases.search import GOING_ON, CaseFilter, matching
from secops_agent.services.cases.views import summaries
from secops_agent.services.people.logins import accounts
from secops_agent.services.privacy import login_may_read
from secops_agent.web.access import page
from secops_agent.web.listing import ListLink

VIEW: Final = "secops_agent.view_case"
CHANGE: Final = "secops_agent.change_case"
TABS: Final = (("mine", "我的"), ("", "进行中"), ("closed", "已关闭"), ("all", "全部"))
NOBODY: Final = "nobody"
PER_PAGE: Final = 30
LONGEST_SEARCH: Final = 100


@page(VIEW)
def cases(request: HttpRequest) -> HttpResponse:
    """``tab``: one of `TABS`; ``q``, ``severity``, ``owner`` (the key of a Staff row, or nobody)."""
    tab = request.GET.get("tab", "")
    mine = tuple(row.pk for row in accounts(request.user))
    wanted = _wanted(request, tab, mine)
    rows = matching(wanted) if tab != "mine" or mine else Case.objects.none()
    pages: Paginator[Case] = CappedPaginator(rows.select_related("owner").order_by("-id"), PER_PAGE)
    shown = pages.get_page(request.GET.get("page"))
    context = {
        "title": "事件",
        "tabs": [
            ListLink(label, f"?tab={key}", key == tab, str(_number(key, mine) or "")) for key, label in TABS
        ],
        "tab": tab,
        "q": request.GET.get("q", ""),
        "severity": request.GET.get("severity", ""),
        "owner": request.GET.get("owner", ""),
        "filtered": any(request.GET.get(name) for name in ("q", "severity", "owner")),
        "severities": Severity.choices,
        "owners": _owners(),
        "pages": shown,
        "cases": summaries(list(shown.object_list)),
        "may_act": request.user.has_perm(CHANGE),
    }
    return render(request, "pages/cases.html", context)


@page(CHANGE, back="web:cases")
@require_POST
def case_new(request: HttpRequest) -> HttpResponse:
    """POST ``title``, ``severity``: a case that no alert told of."""
    title, severity = request.POST.get("title", ""), request.POST.get("severity", "")
    made = orders.open_empty(title, severity, actor_of(request))
    messages.success(request, f"已新建 {made.code}。")
    return redirect("web:case", made.id)


def _wanted(request: HttpRequest, tab: str, mine: tuple[int, ...]) -> CaseFilter:
    statuses = {"closed": (CaseStatus.CLOSED,), "all": ()}.get(tab, GOING_ON)
    owner, severity = request.GET.get("owner", ""), request.GET.get("severity", "")
    chosen = (int(owner),) if owner.isdecimal() and len(owner) < 16 else ()
    return CaseFilter(
        statuses=statuses,
        severities=(severity,) if severity in Severity.values else (),
        owner_ids=mine if tab == "mine" else chosen,
        unowned=owner == NOBODY and tab != "mine",
        keyword=request.GET.get("q", "")[:LONGEST_SEARCH],
        private=login_may_read(request.user),
    )


def _number(tab: str, mine: tuple[int, ...]) -> int:
    """How many wait, for the tabs about what waits."""
    rows = Case.objects.filter(status__in=GOING_ON)
    if tab == "mine":
        return rows.filter(owner_id__in=mine).count() if mine else 0
    return rows.count() if not tab else 0


def _owners() -> "QuerySet[Staff]":
    """Who has a case."""
    held = Case.objects.filter(owner__isnull=False).order_by().values("owner_id").distinct()
    return Staff.objects.filter(pk__in=held).order_by("name")[:200]
