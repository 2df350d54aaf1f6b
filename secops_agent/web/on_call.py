"""值班: who is on call now and next, the weeks to come, gaps, swaps, and the own shifts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from secops_agent.models import OnCallMember, OnCallOverride, Role, ShiftSwap, Staff, SwapState, allows
from secops_agent.services.on_call.duties import Duty, duties
from secops_agent.services.on_call.shifts import ZONE
from secops_agent.services.people.logins import accounts
from secops_agent.web import on_call_days
from secops_agent.web.access import page

SEE: Final = "secops_agent.view_oncallschedule"
SPANS: Final = (14, 28)
MOST_MINE: Final = 6
MOST_SWAPS: Final = 50
MOST_PEOPLE: Final = 200


@dataclass(frozen=True, slots=True)
class RotaBoard:
    """One rota on the page."""

    duty: Duty
    days: Sequence[on_call_days.Day]
    overrides: Sequence[OnCallOverride]


@dataclass(frozen=True, slots=True)
class WaitingSwap:
    """A swap that waits; ``role``: "other" if this person answers it, "asker" if it is theirs, else ""."""

    row: ShiftSwap
    role: str
    pieces: Sequence[tuple[datetime, datetime, str]]


@require_safe
@page(SEE)
def on_call(request: HttpRequest) -> HttpResponse:
    """The page. ``days``: 14 or 28."""
    now, me = timezone.now(), people_of(request)
    number = 28 if request.GET.get("days") == "28" else 14
    found = duties(now)
    mine = [(each.schedule, shift) for each in found for shift in each.of(me)]
    context = {
        "title": "值班", "number": number, "spans": SPANS,
        "boards": _boards(found, now.astimezone(ZONE).date(), number),
        "me": me, "mine": sorted(mine, key=lambda pair: pair[1].start)[:MOST_MINE], "now": now,
        "swaps": _swaps(request, me, now), "may_swap": may_swap(request), "people": _people(request),
    }  # fmt: skip
    return render(request, "pages/on_call.html", context)


def people_of(request: HttpRequest) -> list[Staff]:
    """The rows in 人员 as which this person works."""
    return [each for each in accounts(request.user) if each.active]


def may_swap(request: HttpRequest) -> bool:
    """As in the chat: whoever may change something."""
    return any(allows(each.role, Role.ANALYST) for each in people_of(request))


def _boards(found: Sequence[Duty], first: date, number: int) -> list[RotaBoard]:
    known = on_call_days.holidays(first, number)
    schedules = [each.schedule for each in found]
    rows = OnCallOverride.objects.filter(schedule__in=schedules, ends_at__gt=timezone.now())
    later = list(rows.select_related("staff").order_by("starts_at", "pk")) if found else []
    return [
        RotaBoard(
            duty, on_call_days.days(duty, first, number, known),
            [row for row in later if row.schedule_id == duty.schedule.pk],
        )
        for duty in found
    ]  # fmt: skip


def _swaps(request: HttpRequest, me: Sequence[Staff], now: datetime) -> list[WaitingSwap]:
    """Those that concern this person first; the others for those who may see them."""
    rows = ShiftSwap.objects.filter(state=SwapState.ASKED, expires_at__gt=now, schedule__enabled=True)
    pks = {each.pk for each in me}
    ordered = rows.select_related("asker", "other", "schedule").order_by("pk")[:MOST_SWAPS]
    found = [WaitingSwap(row, _role(row, pks), _pieces(row)) for row in ordered]
    seen = [each for each in found if each.role or request.user.has_perm("secops_agent.view_shiftswap")]
    return sorted(seen, key=lambda each: ("other", "asker", "").index(each.role))


def _role(row: ShiftSwap, pks: set[int]) -> str:
    return "other" if row.other_id in pks else "asker" if row.asker_id in pks else ""


def _pieces(row: ShiftSwap) -> list[tuple[datetime, datetime, str]]:
    names = {row.asker_id: row.asker.name, row.other_id: row.other.name}
    return [
        (datetime.fromisoformat(each["start"]), datetime.fromisoformat(each["end"]), names[each["to"]])
        for each in row.pieces
    ]


def _people(request: HttpRequest) -> list[Staff]:
    """Who takes turns: what a form suggests."""
    if not (may_swap(request) or request.user.has_perm("secops_agent.add_oncalloverride")):
        return []
    turns = OnCallMember.objects.filter(layer__schedule__enabled=True).values("staff")
    return list(Staff.objects.filter(active=True, pk__in=turns).order_by("name")[:MOST_PEOPLE])
