"""One finding: what it is, how urgent and why, what was decided."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.html import format_html
from django.views.decorators.http import require_POST, require_safe

from bifang.channels.text.visible import visible
from bifang.core.errors import InvalidInput
from secops_agent.admin.inventory import actor_of
from secops_agent.models import Finding, Role, Staff
from secops_agent.models.choices import FindingDecision
from secops_agent.services import links
from secops_agent.services.assets.reach import exposure_of
from secops_agent.services.decisions import pending
from secops_agent.services.decisions.direct_requests import request_directly
from secops_agent.services.people.eligibility import able, demand_account
from secops_agent.services.people.logins import homes_of
from secops_agent.services.people.staff import Person
from secops_agent.services.privacy import NEEDS_ROLE, login_may_read
from secops_agent.services.vulnerabilities import findings as findings_service
from secops_agent.services.vulnerabilities import resolutions
from secops_agent.services.vulnerabilities.covered import covered, of_two
from secops_agent.services.vulnerabilities.openvex import statements
from secops_agent.services.vulnerabilities.resolutions import Resolution, Resolved
from secops_agent.services.vulnerabilities.states import SECOND, SETTLED
from secops_agent.tools.arguments import parse
from secops_agent.tools.estate.resolving import DECISIONS, DecideFindings, check_decide
from secops_agent.tools.registry import BY_NAME
from secops_agent.web import listing
from secops_agent.web.access import page
from secops_agent.web.changes import changes_of
from secops_agent.web.estate.findings import ACT, SEE, SHAPE, deciding, narrowed
from secops_agent.web.estate.flaw_rows import advice_of, exploit_line, line, said_lines, web_links
from secops_agent.web.estate.risk import Urgency, risk_of
from secops_agent.web.listing import PER_PAGE, number
from secops_agent.web.triage.alert_rows import plain_line

# What people decide on the pages of findings: the list and the page of one post here.

LONGEST_NOTE: Final = 2000
_LONGEST_QUERY: Final = 10_000


def _back(request: HttpRequest) -> str:
    one = request.POST.get("one", "")
    if number(one):
        return reverse("web:finding", args=[number(one)])
    return f"{reverse('web:findings')}?{_query(request).text}"


def _query(request: HttpRequest) -> listing.ListQuery:
    return listing.read(QueryDict(request.POST.get("list", "")[:_LONGEST_QUERY]), SHAPE)


@require_POST
@page(SEE, ACT, back=_back)
def decide(request: HttpRequest) -> HttpResponse:
    """POST ``decision``, ``note``, ``until`` (a day, included), ``justification``; or ``give``: "me", or "person" with
    ``person``, a number of 人员. ``ids``, ``groups`` (their conditions), or ``all``, the last two with ``list`` (a query of the list) and
    ``mark`` (the newest finding when it was drawn); ``one``: back to the page of that one."""
    actor = actor_of(request)
    if request.POST.get("give"):
        person = _person(request)
        what, done = f"指派给 {person.name}", resolutions.assign_many(_ids(request), person, actor)
    else:
        wanted, ids = _wanted(request.POST), _ids(request)
        asked = _ask(request, ids, wanted)
        left = [pk for pk in ids if pk not in asked]
        what, done = wanted.label, resolutions.settle_many(left, wanted, actor)
    _tell(request, what, done)
    return redirect(_back(request))


@require_POST
@page(SEE, ACT, back=_back)
def undo(request: HttpRequest) -> HttpResponse:
    """POST ``last``: take back what this person decided last, as far as nobody has decided again; ``list`` and ``one`` as above."""
    done = resolutions.undo(number(request.POST.get("last", "")), actor_of(request))
    _tell(request, "已撤销刚才的决定", done)
    return redirect(_back(request))


@require_POST
@page(SEE, ACT)
def covers(request: HttpRequest) -> HttpResponse:
    """POST what `decide` gets: which assets a decision about it covers, and how many of it one person does not accept alone."""
    try:
        ids = _ids(request)
    except InvalidInput as error:
        return HttpResponse(error.message, status=400)
    assets, two = covered(ids), of_two(ids, FindingDecision.ACCEPTED)
    context = {
        "covered": assets, "core": sum(each.core for each in assets), "exposed": sum(bool(each.exposure) for each in assets),
        "two": len(two), "rest": len(set(ids) - two),
    }  # fmt: skip
    return render(request, "pages/finding_covers.html", context)


def _ask(request: HttpRequest, ids: Sequence[int], wanted: Resolution) -> frozenset[int]:
    """Ask another person for what nobody decides alone; the findings that are asked about. Raises BifangError."""
    asked = of_two(ids, wanted.decision)
    if not asked:
        return asked
    said = {
        "findings": ",".join(f"F{pk}" for pk in sorted(asked)), "decision": wanted.decision, "note": wanted.note[:500],
        "until": f"{timezone.localtime(wanted.until):%Y-%m-%d}" if wanted.until else "", "justification": wanted.justification,
    }  # fmt: skip
    given = parse(DecideFindings, {name: value for name, value in said.items() if value})
    staff, tool = demand_account(request.user.pk), BY_NAME["decide_findings"]
    plan = check_decide(given, Person(staff.corp_id, staff.staff_id, staff.name, Role(staff.role)))
    proposal = request_directly(
        staff, actor_of(request), tool.name, tool.title, "dangerous", plan.arguments, plan.summary
    )
    place = links.record("proposal", proposal.pk)
    text = '{} 条不能由一个人决定（{}）：已经提出，<a class="bf-link" href="{}">{}</a>。'
    messages.info(request, format_html(text, len(asked), SECOND, place, proposal.code))
    return asked


def _person(request: HttpRequest) -> Staff:
    """Raises InvalidInput for nobody, and for a login that is nobody's."""
    given = request.POST.get("person", "")
    if request.POST.get("give") == "me":
        return demand_account(request.user.pk)
    person = able(Role.VIEWER).filter(pk=number(given)).first()
    if person is None:
        raise InvalidInput("请选择指派给谁。")
    return person


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
    return resolutions.end_of(day)


def _ids(request: HttpRequest) -> list[int]:
    """Raises InvalidInput for nothing, and for too many."""
    chosen = list(filter(None, request.POST.getlist("groups")[:PER_PAGE]))
    if request.POST.get("all") or chosen:
        query, mark, now = _query(request), request.POST.get("mark", ""), timezone.now()
        within = [""] if request.POST.get("all") else chosen
        found = [
            narrowed(query.within(listing.read(QueryDict(each[:_LONGEST_QUERY]), SHAPE)), request.user, now)
            for each in within
        ]
        few = [
            rows.filter(pk__lte=number(mark)).order_by("pk").values_list("pk", flat=True) for rows in found
        ]
        ids = [pk for each in few for pk in each[: resolutions.MOST + 1]]
    else:
        ids = [pk for each in request.POST.getlist("ids") if (pk := number(each))]
    if not ids:
        raise InvalidInput("没有选中任何一条发现。")
    return ids


def _tell(request: HttpRequest, what: str, done: Resolved) -> None:
    if done.done:
        messages.success(request, f"{done.done} 条发现：{what}。")
    for reason, count in done.refused.items():
        messages.warning(request, f"{count} 条没有变化：{reason}")


@require_POST
@page(SEE, ACT, back="web:finding")
def comment(request: HttpRequest, pk: int) -> HttpResponse:
    """POST ``note``: only a note in the history."""
    findings_service.comment(pk, actor_of(request), request.POST.get("note", "")[:LONGEST_NOTE])
    messages.success(request, "已添加备注。")
    return redirect("web:finding", pk)


_WITH: Final = ("asset__owner", "assignee", "component", "vulnerability")


@require_safe
@page(SEE)
def finding(request: HttpRequest, pk: int) -> HttpResponse:
    """The page."""
    row = Finding.objects.select_related(*_WITH).filter(pk=pk).first() if pk < 2**63 else None
    if row is None:
        raise Http404(f"no finding {pk}")
    now = timezone.now()
    may_act = request.user.has_perm(ACT)
    private = login_may_read(request.user)
    context = {
        "waiting": [
            (each, DECISIONS[each.arguments["decision"]], links.record("proposal", each.pk))
            for each in pending.about("decide_findings", "findings", f"F{pk}", homes_of(request.user))
            if private and request.user.has_perm("secops_agent.view_proposal")
        ],
        "title": plain_line(row.title), "row": row, "line": line(row, now), "risk": _risk(row), "now": now,
        "flaw_url": links.record("vulnerability", row.vulnerability_id) if row.vulnerability_id else "",
        "about": visible(row.description), "place": visible(row.location), "remedy": visible(row.remediation),
        "evidence": (visible(row.evidence) if private else NEEDS_ROLE) if row.evidence else "",
        "references": web_links(row.references[:30]), "changes": changes_of("finding", pk), "said": said_lines(statements.about_finding(row)), "exploit": exploit_line(row.vulnerability),
        "owner": visible(row.asset.owner.name if row.asset.owner else row.asset.owner_text), "may_act": may_act, **(deciding(request, now) if may_act else {}),
    }  # fmt: skip
    return render(request, "pages/finding.html", context)


def _risk(row: Finding) -> Urgency | None:
    """Only of vulnerabilities: the tree asks about exploitation."""
    flaw: Any = row.vulnerability
    if flaw is None:
        return None
    return risk_of(flaw, advice_of(flaw, row.asset.importance), row.asset.importance, exposure_of(row.asset))
