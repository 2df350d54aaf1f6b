"""归入事件: chosen alerts into a case, a new one or one that is open; from the list of alerts, an alert, anywhere."""

from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods

from bifang.core.errors import BifangError
from secops_agent.admin.inventory import actor_of
from secops_agent.models import Alert, Case
from secops_agent.services.cases import membership, orders
from secops_agent.services.cases.membership import Collected
from secops_agent.services.cases.related import related_to_alert
from secops_agent.services.cases.search import GOING_ON
from secops_agent.services.cases.views import cases_of
from secops_agent.web.access import page
from secops_agent.web.case_acts import numbers
from secops_agent.web.cases import CHANGE

_SHOWN: Final = 10
_MOST_CHOICES: Final = 100


@page(CHANGE)
@require_http_methods(["GET", "POST"])
def case_collect(request: HttpRequest) -> HttpResponse:
    """GET ``alerts``, ``next``: the form, for htmx only its inside. POST also ``case`` ("": a new one) and ``title``."""
    if request.method == "POST":
        return _go(request, _collect(request))
    inside = "pages/case_collect_form.html"
    template = inside if request.headers.get("HX-Request") else "pages/case_collect_page.html"
    return render(request, template, _context(request))


def _context(request: HttpRequest) -> dict[str, Any]:
    ids = list(dict.fromkeys(numbers(request.GET.getlist("alerts"))))[: membership.MOST + 1]
    rows = list(Alert.objects.filter(pk__in=ids).order_by("pk")[:_SHOWN])
    held = cases_of(ids)
    return {
        "title": "归入事件",
        "ids": ids,
        "too_many": len(ids) > membership.MOST,
        "most": membership.MOST,
        "alerts": rows,
        "rest": max(0, len(ids) - len(rows)),
        "held": [(pk, ref) for pk, ref in held.items() if not ref.is_closed][:_SHOWN],
        "others": list(Case.objects.filter(status__in=GOING_ON).order_by("-id")[:_MOST_CHOICES]),
        "related": [each for each in related_to_alert(ids[0]) if not each.case] if len(ids) == 1 else (),
        "next": _back(request, request.GET.get("next", "")),
    }


def _collect(request: HttpRequest) -> Collected | None:
    ids, chosen = numbers(request.POST.getlist("alerts")), request.POST.get("case", "")
    try:
        if chosen in ("", "new"):
            done = orders.create(ids, actor_of(request), request.POST.get("title", ""))
        else:
            done = membership.collect((numbers([chosen]) or [0])[0], ids, actor_of(request))
    except BifangError as error:
        messages.error(request, error.message)
        return None
    messages.success(request, done.text)
    return done


def _go(request: HttpRequest, done: Collected | None) -> HttpResponse:
    """Back to where one came from; without that to the case."""
    there = reverse("web:case", args=[done.case.id]) if done else reverse("web:cases")
    target = _back(request, request.POST.get("next", "")) or there
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": target})
    return redirect(target)


def _back(request: HttpRequest, target: str) -> str:
    """An address of this host, or nothing."""
    mine = url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure())
    return target if mine else ""
