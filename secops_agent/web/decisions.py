"""What people decide on the pages of findings: the list and the page of one post here."""

from datetime import datetime, time
from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_POST

from bifang.core.errors import BifangError, InvalidInput
from secops_agent.admin.inventory import actor_of
from secops_agent.models.choices import FindingDecision
from secops_agent.services.vulnerabilities import findings as findings_service
from secops_agent.services.vulnerabilities import resolutions
from secops_agent.services.vulnerabilities.resolutions import Resolution, Resolved
from secops_agent.services.vulnerabilities.states import SETTLED
from secops_agent.web import listing
from secops_agent.web.access import page
from secops_agent.web.findings import ACT, SEE, SHAPE, narrowed

LONGEST_NOTE: Final = 2000


@require_POST
@page(SEE, ACT)
def decide(request: HttpRequest) -> HttpResponse:
    """POST ``decision``, ``note``, ``until`` (a day, included), ``justification``; ``ids``, or ``all`` with ``list``
    (a query of the list) and ``mark`` (the newest finding when it was drawn); ``one``: back to the page of that one."""
    back = _back(request)
    try:
        wanted = _wanted(request.POST)
        ids = _ids(request)
        done = resolutions.settle_many(ids, wanted, actor_of(request))
    except BifangError as error:
        messages.error(request, error.message)
        return redirect(back)
    _tell(request, wanted, done)
    return redirect(back)


def _back(request: HttpRequest) -> str:
    one = request.POST.get("one", "")
    if _is_number(one):
        return reverse("web:finding", args=[int(one)])
    return f"{reverse('web:findings')}?{_query(request).text}"


def _query(request: HttpRequest) -> listing.ListQuery:
    return listing.read(QueryDict(request.POST.get("list", "")[:2000]), SHAPE)


def _wanted(posted: QueryDict) -> Resolution:
    """Whoever settles something says why, and of a risk until when. Raises InvalidInput."""
    decision, note = posted.get("decision", ""), posted.get("note", "").strip()[:LONGEST_NOTE]
    if not decision:
        raise InvalidInput("请选择决定。")
    decision = "" if decision == "withdraw" else decision
    if decision in SETTLED and not note:
        raise InvalidInput("请写明原因：它会写进每一条的变更历史。")
    accepted = decision == FindingDecision.ACCEPTED
    until = _until(posted.get("until", "")) if accepted else None
    justification = posted.get("justification", "") if decision == FindingDecision.NOT_AFFECTED else ""
    return Resolution(decision, note, until, justification)


def _until(text: str) -> datetime:
    """The end of that day."""
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None or not 2000 <= day.year <= 2100:
        raise InvalidInput("请写接受风险到哪一天为止：到期以后会恢复为待处理。")
    return timezone.make_aware(datetime.combine(day, time(23, 59, 59)))


def _ids(request: HttpRequest) -> list[int]:
    """Raises InvalidInput for nothing, and for too many."""
    if request.POST.get("all"):
        mark = request.POST.get("mark", "")
        rows = narrowed(_query(request), request.user, timezone.now())
        rows = rows.filter(pk__lte=int(mark) if _is_number(mark) else 0).order_by("pk")
        ids = list(rows.values_list("pk", flat=True)[: resolutions.MOST + 1])
    else:
        ids = [int(each) for each in request.POST.getlist("ids") if _is_number(each)]
    if not ids:
        raise InvalidInput("没有选中任何一条发现。")
    return ids


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


def _tell(request: HttpRequest, wanted: Resolution, done: Resolved) -> None:
    if done.done:
        messages.success(request, f"{done.done} 条发现：{wanted.label}。")
    for reason, number in done.refused.items():
        messages.warning(request, f"{number} 条没有变化：{reason}")


@require_POST
@page(SEE, ACT)
def comment(request: HttpRequest, pk: int) -> HttpResponse:
    """POST ``note``: only a note in the history."""
    try:
        findings_service.comment(pk, actor_of(request), request.POST.get("note", "")[:LONGEST_NOTE])
    except BifangError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, "已添加备注。")
    return redirect("web:finding", pk)
