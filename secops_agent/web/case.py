"""One case: what happened, what it touches, what is to be done, and what people do with it."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from bifang.core.errors import BifangError
from secops_agent.admin.inventory import actor_of
from secops_agent.models import Case, Staff
from secops_agent.models.choices import Severity, Verdict
from secops_agent.services.cases import related, timeline, views
from secops_agent.services.cases.orders import STEPS
from secops_agent.services.cases.search import GOING_ON
from secops_agent.services.cases.views import CaseDetail
from secops_agent.services.faults import NotFound
from secops_agent.services.privacy import public
from secops_agent.services.runbooks.search import search_for
from secops_agent.services.runbooks.visibility import reader_of
from secops_agent.web.access import page
from secops_agent.web.case_acts import ACTS
from secops_agent.web.cases import CHANGE, VIEW

_MOST_CHOICES = 100


@page(VIEW)
def case(request: HttpRequest, pk: int) -> HttpResponse:
    """The page."""
    detail = read_detail(request, pk)
    may_act = request.user.has_perm(CHANGE)
    context = {
        "title": f"{detail.summary.code} {detail.summary.title}",
        "case": detail.summary,
        "detail": detail,
        "moments": timeline.moments(detail),
        "may_act": may_act,
        **(_choices(detail) if may_act else {}),
    }
    return render(request, "pages/case.html", context)


def read_detail(request: HttpRequest, pk: int) -> CaseDetail:
    """The case; people's accounts and addresses only for those who work on it. Raises Http404."""
    try:
        detail = views.get(pk)
    except NotFound as error:
        raise Http404(error.message) from None
    return detail if request.user.has_perm(CHANGE) else public(detail)


def _choices(detail: CaseDetail) -> dict[str, Any]:
    """What one may choose among, on a page that lets one act."""
    summary = detail.summary
    others = Case.objects.filter(status__in=GOING_ON).exclude(pk=summary.id).order_by("-id")
    return {
        "people": list(Staff.objects.filter(active=True).order_by("name")[:500]),
        "steps": [(each.value, each.label) for each in STEPS if each != summary.status],
        "verdicts": Verdict.choices,
        "severities": Severity.choices,
        "others": () if summary.is_closed else list(others[:_MOST_CHOICES]),
    }


@page(VIEW)
def case_known(request: HttpRequest, pk: int) -> HttpResponse:
    """What else may help, looked up behind the page: runbooks, and alerts that may belong to it."""
    try:
        row = views.read(pk)
    except NotFound as error:
        raise Http404(error.message) from None
    reader, ref = reader_of(actor_of(request), drafts=False), views.ref_of(row)
    context = {
        "title": f"{ref.code} {ref.title}",
        "case": ref,
        "runbooks": search_for(views.techniques_of(pk), ref.title, 3, reader),
        "related": () if ref.is_closed else related.related_to_case(pk),
        "may_act": request.user.has_perm(CHANGE),
    }
    inside = bool(request.headers.get("HX-Request"))
    return render(request, f"pages/case_known{'' if inside else '_page'}.html", context)


@page(CHANGE)
@require_POST
def case_act(request: HttpRequest, pk: int) -> HttpResponse:
    """POST ``act`` (one of `ACTS`) and what it takes; then back to the case, or to the one that came of it."""
    if not Case.objects.filter(pk=pk).exists():
        raise Http404
    act = ACTS.get(request.POST.get("act", ""))
    if act is None:
        messages.error(request, "没有这个操作。")
        return redirect("web:case", pk)
    try:
        done = act(pk, request.POST, actor_of(request))
    except BifangError as error:
        messages.error(request, error.message)
        return redirect("web:case", pk)
    messages.success(request, done.text)
    for each in done.refused:
        messages.warning(request, each)
    return redirect("web:case", done.case_id or pk)
