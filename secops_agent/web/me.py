"""我的: what one person has to do, when and how they are woken, and what opens the door for them."""

from collections.abc import Iterator
from datetime import time
from typing import Any, Final

from django.contrib import messages
from django.contrib.sessions.models import Session
from django.db.models import Count, Window
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from bifang.core.errors import InvalidInput
from bifang.core.logins import second_factor
from secops_agent.admin.alerting.rule_form import conditions_line
from secops_agent.admin.inventory import actor_of
from secops_agent.models import ApiToken, CallMeans, Staff
from secops_agent.services.alerts.backlog import unfinished
from secops_agent.services.alerts.queries.filters import in_hand
from secops_agent.services.cases.reporting.clock import running
from secops_agent.services.decisions import pending
from secops_agent.services.decisions.carriers import named_carrier
from secops_agent.services.notifications import preferences
from secops_agent.services.notifications.calls import GATEWAY_TOOL, means_of_platform
from secops_agent.services.notifications.conditions import QuietHours
from secops_agent.services.notifications.delivery import calling
from secops_agent.services.on_call.duties import AROUND, duties
from secops_agent.services.people.staff import administrators
from secops_agent.web.access import page
from secops_agent.web.home import alert_list
from secops_agent.web.listing import number
from secops_agent.web.on_call import people_of

MOST: Final = 5
MOST_SESSIONS: Final = 2000  # looked through for a person's own


@require_safe
@page()
def me(request: HttpRequest) -> HttpResponse:
    """The page; what somebody may not see is left out."""
    people = people_of(request)
    context: dict[str, Any] = {
        "title": "我的", "people": people, "administrators": administrators(None),
        "factor": second_factor.find(request.user.pk), "wakes": [
            {"rule": each.rule, "about": conditions_line(each.conditions), "when": each.when} for each in preferences.wakers(people)
        ],
        "tokens": ApiToken.objects.filter(owner_id=request.user.pk, revoked_at=None)[:MOST],
        "wishes": [_wish(each) for each in people],
    }  # fmt: skip
    if request.user.has_perm("secops_agent.view_alert"):
        mine = unfinished().filter(in_hand([each.pk for each in people]))
        first = list(mine.annotate(every=Window(Count("pk"))).order_by("due_at", "id")[:MOST])
        count = first[0].every if first else 0
        context |= {"alerts": first, "alert_count": count, "all_mine": alert_list("mine")}
    if request.user.has_perm("secops_agent.view_case"):
        own = {each.pk for each in people}
        now = timezone.now()
        context["clocks"] = [
            (each, each.left(now), each.due_at <= now) for each in running() if each.case.owner_id in own
        ]
    if request.user.has_perm("secops_agent.view_proposal"):
        context["waiting"] = [row for row, decides in pending.everything(people) if decides][:MOST]
    if request.user.has_perm("secops_agent.view_oncallschedule"):
        now = timezone.now()
        shifts = [(duty.schedule, shift) for duty in duties(now) for shift in duty.of(people)[:MOST]]
        context |= {"shifts": shifts, "seen_until": now + AROUND}
    return render(request, "pages/me.html", context)


@require_POST
@page()
def end_sessions(request: HttpRequest) -> HttpResponse:
    """Log this person out everywhere else."""
    count, _ = Session.objects.filter(pk__in=[each.pk for each in _others(request)]).delete()
    messages.success(request, f"已退出另外 {count} 处登录。" if count else "没有别处的登录。")
    return redirect("web:me")


@require_POST
@page()
def call_me(request: HttpRequest) -> HttpResponse:
    """A call to oneself, to see that it works; a superuser may call anybody."""
    people = Staff.objects.filter(active=True, pk=number(request.POST.get("staff", "")))
    person = (people if request.user.is_superuser else people.filter(user=request.user.pk)).first()
    means = request.POST.get("by", "")
    try:
        if person is None or means not in CallMeans.values:
            raise InvalidInput("只能试拨给自己：请在「人员」里对应登录用户，并选一种方式。")
        calling.try_out(person, means, actor_of(request))
        messages.success(
            request,
            f"几秒内用{CallMeans(means).label}叫 {person.name}；结果在「运行状态 → 告警消息 → 呼叫」。",
        )
    except InvalidInput as error:
        messages.error(request, error.message)
    return redirect("web:me")


def _others(request: HttpRequest) -> Iterator[Session]:
    """The other sessions of this person that are still open."""
    rows = Session.objects.filter(expire_date__gt=timezone.now()).exclude(pk=request.session.session_key)
    own = str(request.user.pk)
    return (row for row in rows[:MOST_SESSIONS] if row.get_decoded().get("_auth_user_id") == own)


def _wish(person: Staff) -> dict[str, Any]:
    """How a person is told: a day of 24 hours, quiet or not, and the words for it."""
    row = preferences.preference_of(person)
    quiet = QuietHours(quiet_from=row.quiet_from, quiet_until=row.quiet_until)
    words = (
        f"{row.quiet_from:%H:%M} 到 {row.quiet_until:%H:%M} 免打扰：这段时间不叫您"
        if row.quiet_from
        else "没有免打扰时段"
    )
    return {
        "person": person,
        "row": row,
        "hours": [quiet.is_quiet(time(hour)) for hour in range(24)],
        "quiet": words,
        # An open_id of Feishu begins so; what cannot call says so when it is tried.
        "means": means_of_platform("feishu" if person.staff_id.startswith("ou_") else "dingtalk")
        + ([CallMeans.GATEWAY] if named_carrier(GATEWAY_TOOL) else []),
    }
