"""One case: what happened, what it touches, what is to be done, and what people do with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_http_methods, require_POST

from bifang.core.errors import BifangError, InvalidInput
from bifang.core.spreadsheets import csv_file
from secops_agent.admin.automation.reports import send, show
from secops_agent.admin.inventory import actor_of
from secops_agent.models import Alert, Case, CaseStatus, Role, Staff
from secops_agent.models.choices import Severity, Verdict
from secops_agent.models.people.staff import allows
from secops_agent.services.actors import Actor
from secops_agent.services.alerts.table import HEADS, rows_of
from secops_agent.services.alerts.views import summaries
from secops_agent.services.audit import history
from secops_agent.services.cases import membership, merging, orders, related, tasks, timeline, views
from secops_agent.services.cases.membership import Collected
from secops_agent.services.cases.orders import STEPS
from secops_agent.services.cases.related import related_to_alert
from secops_agent.services.cases.reporting import clock
from secops_agent.services.cases.search import GOING_ON
from secops_agent.services.cases.views import CaseDetail, cases_of, code_of, read
from secops_agent.services.decisions.views import seen_by
from secops_agent.services.people.directory import selectable
from secops_agent.services.people.logins import homes_of, role_of
from secops_agent.services.privacy import login_may_read
from secops_agent.services.reports.incidents import incident_report
from secops_agent.services.runbooks.search import search_for
from secops_agent.services.runbooks.visibility import reader_at_page
from secops_agent.web.access import page
from secops_agent.web.approvals import VIEW as SEE_ORDERS
from secops_agent.web.cases import CHANGE, VIEW
from secops_agent.web.send_again import back_to

# What the buttons on a case's page do, each through its service.


@dataclass(frozen=True, slots=True)
class CaseOutcome:
    """What is told; ``case_id``: the case to go on with, if it is another one."""

    text: str
    case_id: int | None = None
    refused: tuple[str, ...] = ()


Act = Callable[[int, QueryDict, Actor], CaseOutcome]


def numbers(values: list[str]) -> list[int]:
    """Keys of rows from fields that are repeated or hold several, separated by commas; what is none is left out."""
    words = (word.strip() for value in values for word in value.split(","))
    return [int(word) for word in words if word.isdecimal() and len(word) < 16]


def _number(data: QueryDict, name: str) -> int:
    found = numbers([data.get(name, "")])
    if not found:
        raise InvalidInput("请先选择。")
    return found[0]


def _person(data: QueryDict) -> Staff:
    row = Staff.objects.filter(pk__in=numbers([data.get("person", "")]), active=True).first()
    if row is None:
        raise InvalidInput("请先选择人员。")
    return row


def moment_of(text: str) -> datetime:
    """A time of a form, local without an offset. Raises InvalidInput, also for years that no database holds in UTC."""
    try:
        found = parse_datetime(text.strip())
    except ValueError:
        found = None
    if found is None or not 1970 < found.year < 2200:
        raise InvalidInput("时间的写法不对：例如 2026-11-30T18:00。")
    return timezone.make_aware(found) if timezone.is_naive(found) else found


def _note(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    orders.comment(case_id, actor, data.get("note", ""))
    return CaseOutcome("已添加备注。")


def _advance(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    case = orders.advance(case_id, data.get("status", ""), actor)
    return CaseOutcome(f"{case.code} 现在是「{CaseStatus(case.status).label}」。")


def _assign(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    also = {name: data.get(name) == "1" for name in ("with_tasks", "with_alerts")}
    case = orders.assign(case_id, _person(data), actor, data.get("note", ""), **also)
    along = orders.told_along(orders.open_alerts(case_id), f" {case.owner}", owner=case.owner_id)
    return CaseOutcome(f"{case.code} 已交给 {case.owner}。{along}")


def _edit(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    orders.edit(
        case_id, actor, title=data.get("title", ""), severity=data.get("severity", ""), text=data.get("summary", "")
    )  # fmt: skip
    return CaseOutcome("已保存。")


def _close(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    with_alerts = data.get("with_alerts") == "1"
    done = orders.close(
        case_id, data.get("verdict", ""), actor, data.get("note", ""), with_alerts=with_alerts
    )
    verdict = Verdict(done.case.verdict).label
    together = f"，{done.alerts} 条告警一起关闭" if with_alerts else ""
    return CaseOutcome(f"{done.case.code} 已关闭，结论：{verdict}{together}。", refused=done.refused)


def _reopen(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    orders.reopen(case_id, actor, data.get("note", ""))
    return CaseOutcome(f"{code_of(case_id)} 已重新打开。它的告警保持原样。")


def _add_task(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    person = _person(data) if data.get("person") else None
    due = data.get("due", "").strip()
    tasks.add(case_id, data.get("text", ""), actor, person, moment_of(due) if due else None)
    return CaseOutcome("已添加任务。")


def _on_task(act: Callable[[int, int, Actor], object], told: str) -> Act:
    """With the task that is named."""

    def do(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
        act(case_id, _number(data, "task"), actor)
        return CaseOutcome(told)

    return do


def _acts_collect(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    return CaseOutcome(membership.collect(case_id, numbers(data.getlist("alerts")), actor).text)


def _part(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    ids = numbers(data.getlist("alerts"))
    membership.part(case_id, ids, actor)
    return CaseOutcome(f"已从 {code_of(case_id)} 移出 {len(ids)} 条告警。")


def _split(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    ids = numbers(data.getlist("alerts"))
    new = merging.split(case_id, ids, actor, data.get("title", ""))
    return CaseOutcome(f"{len(ids)} 条告警已从 {code_of(case_id)} 拆到 {new.code}。", new.id)


def _merge(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    into = merging.merge(case_id, _number(data, "into"), actor)
    return CaseOutcome(f"{code_of(case_id)} 已并入 {into.code}。需要时可以在这里拆出。", into.id)


def _separate(case_id: int, data: QueryDict, actor: Actor) -> CaseOutcome:
    apart = merging.separate(_number(data, "case"), actor, from_id=case_id)
    return CaseOutcome(f"{apart.code} 已从 {code_of(case_id)} 拆出，恢复为合并以前的样子。", apart.id)


ACTS: Final[Mapping[str, Act]] = {
    "note": _note, "advance": _advance, "assign": _assign, "edit": _edit, "close": _close, "reopen": _reopen,
    "add_task": _add_task, "finish_task": _on_task(tasks.finish, "任务已完成。"),
    "resume_task": _on_task(tasks.resume, "任务恢复为未完成。"), "drop_task": _on_task(tasks.drop, "任务已删除，历史里还能看到它。"),
    "collect": _acts_collect, "part": _part, "split": _split, "merge": _merge, "separate": _separate,
}  # fmt: skip


# The report of a case: a page to print, and files; and its alerts as a table.

_MOST_ROWS = 5000


@page(VIEW)
def case_report(request: HttpRequest, pk: int) -> HttpResponse:
    """To read and to print."""
    return show(
        request,
        incident_report(pk),
        lambda form: reverse("web:case_file", args=[pk, form]),
        reverse("web:case", args=[pk]),
    )


@page(VIEW)
def case_file(request: HttpRequest, pk: int, form: str) -> HttpResponse:
    """To keep, to edit or to send on."""
    return send(request, incident_report(pk), form, reverse("web:case_report", args=[pk]))


@page(VIEW)
def case_alerts(request: HttpRequest, pk: int) -> HttpResponse:
    """Its alerts as a table for a spreadsheet."""
    read(pk)
    rows = (
        Alert.objects.select_related("assignee", "case__owner")
        .filter(case_id=pk)
        .order_by("first_seen", "pk")
    )
    table = rows_of(summaries(list(rows[:_MOST_ROWS])))
    return csv_file(f"case-{pk}-alerts", HEADS, table)


_MOST_CHOICES = 100


@page(VIEW)
def case(request: HttpRequest, pk: int) -> HttpResponse:
    """The page."""
    detail = read_detail(request, pk)
    may_act = request.user.has_perm(CHANGE)
    asked = seen_by(homes_of(request.user)) if request.user.has_perm(SEE_ORDERS) else None
    moments = timeline.moments(detail, private=login_may_read(request.user), asked=asked)
    context = {
        "title": f"{detail.summary.code} {detail.summary.title}",
        "case": detail.summary,
        "detail": detail,
        "untold": orders.untold(detail.summary) if any(map(_hands_over, moments)) else None,
        "reporting": view.line(timezone.now()) if (view := clock.standing(pk)) else "",
        "moments": moments,
        "may_act": may_act,
        "may_block": allows(role_of(request.user), Role.RESPONDER),
        **(_choices(detail) if may_act else {}),
    }
    return render(request, "pages/case.html", context)


def _hands_over(moment: timeline.CaseMoment) -> bool:
    return moment.subject.startswith("E") and moment.what == history.ACTIONS["assign"]


def read_detail(request: HttpRequest, pk: int) -> CaseDetail:
    """The case, as this person may read it. Raises NotFound."""
    return views.get(pk, private=login_may_read(request.user))


def _choices(detail: CaseDetail) -> dict[str, Any]:
    """What one may choose among, on a page that lets one act."""
    summary = detail.summary
    others = Case.objects.filter(status__in=GOING_ON).exclude(pk=summary.id).order_by("-id")
    found = orders.open_alerts(summary.id) if summary.open_alerts else []
    return {
        "people": selectable(),
        "steps": [(each.value, each.label) for each in STEPS if each != summary.status],
        "verdicts": Verdict.choices,
        "severities": Severity.choices,
        "owned": sum(each.person_id == summary.owner_id for each in found) if summary.owner_id else 0,
        "along": orders.told_along(found, "新负责人", besides=summary.owner_id),
        "others": () if summary.is_closed else list(others[:_MOST_CHOICES]),
    }


@page(VIEW)
def case_known(request: HttpRequest, pk: int) -> HttpResponse:
    """What else may help, looked up behind the page: runbooks, and alerts that may belong to it."""
    row = views.read(pk)
    reader, ref = reader_at_page(request.user), views.ref_of(row)
    context = {
        "title": f"{ref.code} {ref.title}",
        "case": ref,
        "runbooks": search_for(views.techniques_of(pk), ref.title, 3, reader),
        "related": () if ref.is_closed else related.related_to_case(pk),
        "may_act": request.user.has_perm(CHANGE),
    }
    inside = bool(request.headers.get("HX-Request"))
    return render(request, f"pages/case_known{'' if inside else '_page'}.html", context)


@page(CHANGE, back="web:case")
@require_POST
def case_act(request: HttpRequest, pk: int) -> HttpResponse:
    """POST ``act`` (one of `ACTS`) and what it takes; then back to the case, or to the one that came of it."""
    if not Case.objects.filter(pk=pk).exists():
        raise Http404
    act = ACTS.get(request.POST.get("act", ""))
    if act is None:
        raise InvalidInput("没有这个操作。")
    done = act(pk, request.POST, actor_of(request))
    messages.success(request, done.text)
    for each in done.refused:
        messages.warning(request, each)
    return redirect("web:case", done.case_id or pk)


# 归入事件: chosen alerts into a case, a new one or one that is open; from the list of alerts, an alert, anywhere.

_SHOWN: Final = 10


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
        "next": back_to(request, request.GET.get("next", "")),
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
    target = back_to(request, request.POST.get("next", "")) or there
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": target})
    return redirect(target)
