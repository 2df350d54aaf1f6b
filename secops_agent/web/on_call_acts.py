"""值班, what people do there: ask for a swap, answer one, put somebody else on call, subscribe to the calendar."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from bifang.channels.text.visible import visible
from bifang.core.errors import BifangError, InvalidInput
from secops_agent.admin.inventory import actor_of
from secops_agent.models import OnCallSchedule, ShiftSwap, Staff
from secops_agent.services.on_call import feeds, overrides, swaps
from secops_agent.services.on_call.shifts import ZONE
from secops_agent.services.people.directory import named_by
from secops_agent.services.people.eligibility import RIGHTS, account_of
from secops_agent.services.switches import refuse_when_read_only
from secops_agent.web.access import page
from secops_agent.web.on_call import SEE, may_swap

MINUTE: Final = "%Y-%m-%dT%H:%M"
NOBODY: Final = "您的登录用户没有对应的人员，不能换班：请超级管理员在「人员」里对应。"


class SwapForm(forms.Form):
    """With whom, in which rota, on which days."""

    rota = forms.IntegerField()
    colleague = forms.CharField(max_length=100)
    first = forms.DateField()
    last = forms.DateField(required=False)


class BackForm(forms.Form):
    """The days that are given back for them, if any."""

    first = forms.DateField(required=False)
    last = forms.DateField(required=False)


class SubstituteForm(forms.Form):
    """Who, from when, until when; times of Asia/Shanghai."""

    rota = forms.IntegerField()
    person = forms.CharField(max_length=100)
    starts_at = forms.DateTimeField(input_formats=[MINUTE])
    ends_at = forms.DateTimeField(input_formats=[MINUTE])
    reason = forms.CharField(max_length=200, required=False)


class SubscriptionForm(forms.Form):
    """Whose shifts of which rota."""

    rota = forms.IntegerField()
    whose = forms.ChoiceField(choices=[("mine", ""), ("all", "")])


def _rota(form: forms.Form) -> OnCallSchedule:
    return get_object_or_404(OnCallSchedule, pk=form.cleaned_data["rota"], enabled=True)


def _read(form: forms.Form) -> dict[str, Any]:
    """Raises InvalidInput."""
    if not form.is_valid():
        raise InvalidInput("有一项没有填，或日期、时间不是看得懂的写法。没有执行。")
    return form.cleaned_data


def _done(request: HttpRequest, act: Callable[[], str | HttpResponse]) -> HttpResponse:
    """Back to the page with what was done, or why not; or what is to be seen first."""
    try:
        done = act()
        if isinstance(done, HttpResponse):
            return done
        messages.success(request, done)
    except BifangError as error:
        messages.error(request, error.message)
    return redirect("web:on_call")


@require_POST
@page(SEE)
def ask(request: HttpRequest) -> HttpResponse:
    """Ask a colleague to swap, by every rule of the chat, once it was shown whose shift goes to whom."""
    if not may_swap(request):
        raise PermissionDenied

    def act() -> str | HttpResponse:
        refuse_when_read_only()
        form = SwapForm(request.POST)
        given, schedule = _read(form), _rota(form)
        other = named_by(actor_of(request), given["colleague"])
        me = account_of(request.user.pk, other.corp_id)
        if me is None:
            raise InvalidInput(NOBODY)
        back = _read(BackForm(request.POST, prefix="back"))
        days = [*_days(given["first"], given["last"]), *_days(back["first"], back["last"])]
        _, pieces = swaps.plan(schedule.name, me, other, days)
        shown = swaps.told(pieces).replace("\n", "；")
        if request.POST.get("shown") != shown:
            return _preview(request, schedule, me, other, pieces, shown)
        made = swaps.ask(schedule.name, me, other, days, "admin")
        return f"已请 {other.name} 答复换班 {made.code}，答复以前班次不变。"

    return _done(request, act)


def _preview(
    request: HttpRequest,
    schedule: OnCallSchedule,
    me: Staff,
    other: Staff,
    pieces: list[swaps.Piece],
    shown: str,
) -> HttpResponse:
    """What would change hands, before anybody is asked: it is sent back with what was ``shown``."""
    names = [*SwapForm.base_fields, *(f"back-{name}" for name in BackForm.base_fields)]
    context = {
        "title": "换班", "schedule": schedule, "other": other, "pieces": pieces, "shown": shown,
        "one_sided": swaps.one_sided(schedule, me, pieces),
        "given": {name: request.POST.get(name, "") for name in names},
    }  # fmt: skip
    return render(request, "pages/on_call_swap.html", context)


def _days(first: date | None, last: date | None) -> list[date]:
    """Every day from one to another, both included. Raises InvalidInput."""
    if first is None:
        if last is not None:
            raise InvalidInput("写了最后一天，没有写第一天。没有提出换班。")
        return []
    if abs((first - timezone.localdate()).days) > overrides.FARTHEST:
        raise InvalidInput("第一天离今天超过一年。没有提出换班。")
    length = ((last or first) - first).days
    if not 0 <= length < swaps.MOST_DAYS:
        raise InvalidInput(f"最后一天应在第一天或之后，一次最多 {swaps.MOST_DAYS} 天。没有提出换班。")
    return [first + timedelta(days=each) for each in range(length + 1)]


@require_POST
@page(SEE)
def answer(request: HttpRequest, code: str) -> HttpResponse:
    """``accepted`` 1: take over; else decline, or withdraw the own one. Only those whom it concerns."""
    swap = ShiftSwap.objects.select_related("other").filter(code=code).first()

    def act() -> str:
        refuse_when_read_only()
        me = account_of(request.user.pk, swap.other.corp_id if swap else "")
        if me is None:
            raise InvalidInput(NOBODY)
        accepted = request.POST.get("accepted") == "1"
        return swaps.answer(code, me.corp_id, me.staff_id, accepted=accepted, via="admin")

    return _done(request, act)


@require_POST
@page(SEE, RIGHTS["cover_shift"])
def substitute(request: HttpRequest) -> HttpResponse:
    """Somebody else for a while."""

    def act() -> str:
        form = SubstituteForm(request.POST)
        given, schedule = _read(form), _rota(form)
        start, end = (given[name].replace(tzinfo=ZONE) for name in ("starts_at", "ends_at"))
        staff = named_by(actor_of(request), given["person"])
        reason = " ".join(visible(given["reason"]).split())
        who_knows = overrides.override(schedule, staff, [(start, end)], reason, actor_of(request))
        return (
            f"{start:%m-%d %H:%M} 到 {end:%m-%d %H:%M} 由 {staff.name} 值班（{schedule.name}）。{who_knows}"
        )

    return _done(request, act)


@require_POST
@page(SEE, "secops_agent.delete_oncalloverride")
def take_back(request: HttpRequest, pk: int) -> HttpResponse:
    """The rota says again who it is."""

    def act() -> str:
        row, who_knows = overrides.take_back(pk, actor_of(request))
        return f"已取消 {row.staff.name} 的{row.what}，这段时间按值班表（{row.schedule.name}）。{who_knows}"

    return _done(request, act)


@require_POST
@page(SEE, "secops_agent.add_calendarfeed", back="web:on_call")
def subscribe(request: HttpRequest) -> HttpResponse:
    """The only time that the address is shown; not by a redirect, which would have to keep it somewhere."""
    form = SubscriptionForm(request.POST)
    given, schedule = _read(form), _rota(form)
    me = account_of(request.user.pk) if given["whose"] == "mine" else None
    if given["whose"] == "mine" and me is None:
        raise InvalidInput("您的登录用户没有对应的人员，没有自己的班次可以订阅。")
    secret = feeds.make_feed(schedule, me, actor_of(request), request.user.pk)
    address = request.build_absolute_uri(reverse("api:calendar", args=[secret]))
    context = {"title": "新的订阅地址", "schedule": schedule, "whose": me, "address": address}
    response = render(request, "pages/on_call_feed.html", context)
    response["Cache-Control"] = "no-store"
    return response
