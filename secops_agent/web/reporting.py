"""报告时钟 of a case: the grading questions, the countdown, drafts, and the record of what was reported."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from bifang.core.errors import BifangError, InvalidInput
from secops_agent.admin.inventory import actor_of
from secops_agent.models import GradingQuestion, ReportingDuty, ReportStage
from secops_agent.services.actors import Actor
from secops_agent.services.cases.reporting import clock, drafts
from secops_agent.services.cases.reporting.clock import OFFICIAL
from secops_agent.services.cases.views import CaseDetail
from secops_agent.web.access import page
from secops_agent.web.case import moment_of, read_detail
from secops_agent.web.cases import CHANGE, VIEW

_LONGEST: Final = 16  # digits of an answer


def _number(text: str) -> int | None:
    text = text.strip().replace(",", "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < _LONGEST):
        raise InvalidInput("数量应是不小于 0 的整数；不知道的留空。")
    return int(text)


def _grade(case_id: int, data: QueryDict, actor: Actor) -> str:
    answers = {
        str(each.pk): _number(data.get(f"q{each.pk}", ""))
        for each in GradingQuestion.objects.filter(enabled=True)
    }
    duty = _number(data.get("duty", "")) or 0
    view = clock.grade(case_id, actor, duty, moment_of(data.get("found_at", "")), answers)
    return f"已分级。{view.line(timezone.now())}。"


def _enter(case_id: int, data: QueryDict, actor: Actor) -> str:
    names = ("stage", "body", "text", "reported_by", "reference")
    values = {name: data.get(name, "") for name in names}
    clock.enter(case_id, actor, at=moment_of(data.get("at", "")), **values)
    return "已登记。毕方没有向外发送任何内容。"


def _end(case_id: int, data: QueryDict, actor: Actor) -> str:
    clock.end_handling(case_id, actor, moment_of(data.get("at", "")))
    return "已登记处置结束时间，总结报告从这时算起。"


ACTS: Final[Mapping[str, Callable[[int, QueryDict, Actor], str]]] = {
    "grade": _grade,
    "enter": _enter,
    "end": _end,
}


@page(VIEW)
@require_http_methods(["GET", "POST"])
def reporting(request: HttpRequest, pk: int) -> HttpResponse:
    """GET ``stage``: the draft that is shown. POST ``act`` (one of `ACTS`) and what it takes."""
    detail = read_detail(request, pk)
    if request.method == "POST":
        return _act(request, pk)
    view, now = clock.standing(pk), timezone.now()
    stage = request.GET.get("stage", "") or (
        view.waits_for if view and view.waits_for else ReportStage.SUPPLEMENT
    )
    if stage not in ReportStage.values:
        raise Http404
    questions = list(GradingQuestion.objects.all())
    context = {
        "title": f"报告时钟 {detail.summary.code}",
        "case": detail.summary,
        "view": view,
        "line": view.line(now) if view else "",
        "late": bool(view and view.due_at and view.due_at <= now),
        "stage": stage,
        "stages": ReportStage.choices,
        "draft": drafts.draft(detail, stage, view, questions) if view else "",
        **_asked(view, questions),
        "found_at": view.found_at if view else _first_seen(detail),
        "now": now,
        "official": OFFICIAL,
        "may_act": request.user.has_perm(CHANGE),
    }
    return render(request, "pages/reporting.html", context)


def _asked(view: clock.ReportingView | None, questions: Sequence[GradingQuestion]) -> dict[str, Any]:
    """What the form asks, with what was answered."""
    answers = view.answers if view else {}
    return {
        "duties": ReportingDuty.objects.filter(enabled=True),
        "questions": [(each, answers.get(str(each.pk))) for each in questions if each.enabled],
    }


def _first_seen(detail: CaseDetail) -> datetime:
    return min((each.first_seen for each in detail.alerts), default=detail.summary.created_at)


def _act(request: HttpRequest, pk: int) -> HttpResponse:
    act = ACTS.get(request.POST.get("act", ""))
    try:
        if act is None or not request.user.has_perm(CHANGE):
            raise InvalidInput("您不能这样做。")
        messages.success(request, act(pk, request.POST, actor_of(request)))
    except BifangError as error:
        messages.error(request, error.message)
    return redirect("web:reporting", pk)
