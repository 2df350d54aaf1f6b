"""值班: who is on call now and next, the weeks to come, gaps, swaps, and the own shifts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from secops_agent.models import (
    CalendarDay,
    OnCallOverride,
    Role,
    ShiftSwap,
    Staff,
    SwapState,
    allows,
)
from secops_agent.services import links
from secops_agent.services.alerts.timeline import QUIET, under_way
from secops_agent.services.lost_messages import lost_handovers
from secops_agent.services.on_call import schedules, swaps
from secops_agent.services.on_call.duties import AROUND, Duty, duties
from secops_agent.services.on_call.shifts import ZONE, Shift
from secops_agent.services.people.logins import accounts
from secops_agent.web.access import page

# The calendar of a rota: the days of some weeks, each with who is on call, and which are no working days.

TONES: Final = 6
WEEKDAYS: Final = "一二三四五六日"


@dataclass(frozen=True, slots=True)
class Spell:
    """Somebody's part of a day; ``tone`` is theirs in the whole rota, "gap" or "off" for nobody. ``since``: "" from midnight; ``instead``: as `Shift` has it."""

    name: str
    since: str
    tone: str
    instead: str


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the calendar; ``holiday``: what the table of holidays says of it, in words; ``shift``: that begins on it, or goes on,
    cut to a day from there on."""

    date: date
    weekday: str
    today: bool
    rest: bool
    holiday: str
    spells: tuple[Spell, ...]
    shift: Shift


def holidays(first: date, number: int) -> dict[date, CalendarDay]:
    """The days that are not what their weekday says."""
    rows = CalendarDay.objects.filter(date__gte=first, date__lt=first + timedelta(days=number))
    return {row.date: row for row in rows}


def days(duty: Duty, first: date, number: int, known: Mapping[date, CalendarDay]) -> list[Day]:
    """From a day on."""
    start = datetime.combine(first, time(0), ZONE)
    end = start + timedelta(days=number)
    found = [each for each in duty.shifts if each.start < end and each.end > start]
    people = dict.fromkeys(each.staff.pk for each in found if each.staff)
    tones = {pk: str(place % TONES) for place, pk in enumerate(people)}
    return [_day(start + timedelta(days=each), found, tones, known, duty.at) for each in range(number)]


def _day(
    start: datetime, found: Sequence[Shift], tones: Mapping[int, str], known: Mapping[date, CalendarDay], now: datetime
) -> Day:  # fmt: skip
    day, end = start.date(), start + timedelta(days=1)
    special = known.get(day)
    rest = not special.working if special else day.weekday() > 4
    held = [each for each in found if each.start < end and each.end > start]
    spells = tuple(_spell(each, start, tones) for each in held)
    told = f"{special.name}{'上班' if special.working else '休息'}" if special else ""
    shift = _shift_of(held, start, now)
    return Day(day, WEEKDAYS[day.weekday()], day == now.astimezone(ZONE).date(), rest, told, spells, shift)


def _shift_of(held: Sequence[Shift], start: datetime, now: datetime) -> Shift:
    """The last one of the day in which there is a rota, from now on if it is under way."""
    last = next((each for each in reversed(held) if each.origin != "off"), held[-1])
    begins = max(last.start, start)
    ends = min(last.end, begins + timedelta(days=1))
    return replace(last, start=max(begins, now) if now < ends else begins, end=ends)


def _spell(shift: Shift, start: datetime, tones: Mapping[int, str]) -> Spell:
    since = f"{shift.start.astimezone(ZONE):%H:%M}" if shift.start > start else ""
    if shift.staff is None:
        return Spell(shift.who, since, shift.origin, "")
    return Spell(shift.staff.name, since, tones[shift.staff.pk], shift.instead)


SEE: Final = "secops_agent.view_oncallschedule"
SPANS: Final = (14, 28)
MOST_MINE: Final = 6
MOST_SWAPS: Final = 50


@dataclass(frozen=True, slots=True)
class RotaBoard:
    """One rota on the page."""

    duty: Duty
    days: Sequence[Day]
    overrides: Sequence[OnCallOverride]


@dataclass(frozen=True, slots=True)
class WaitingSwap:
    """A swap that waits; ``role``: "other" if this person answers it, "asker" if it is theirs, else ""."""

    row: ShiftSwap
    role: str
    pieces: Sequence[swaps.Piece]


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
        "me": me, "mine": sorted(mine, key=lambda pair: pair[1].start)[:MOST_MINE], "now": now, "seen_until": now + AROUND,
        "swaps": waiting_swaps(request, me, now), "may_swap": may_swap(request), "others": _others(found, me), "people": _people(request), "lost": list(lost_handovers()),
        "calling": [(f"A{pk}", links.alert(pk), line) for pk, line in under_way()], "quiet": QUIET,
    }  # fmt: skip
    return render(request, "pages/on_call.html", context)


def people_of(request: HttpRequest) -> list[Staff]:
    """The rows in 人员 as which this person works."""
    return [each for each in accounts(request.user) if each.active]


def may_swap(request: HttpRequest) -> bool:
    """As in the chat: whoever may change something."""
    return any(allows(each.role, Role.ANALYST) for each in people_of(request))


def _boards(found: Sequence[Duty], first: date, number: int) -> list[RotaBoard]:
    known = holidays(first, number)
    schedules = [each.schedule for each in found]
    rows = OnCallOverride.objects.filter(schedule__in=schedules, ends_at__gt=timezone.now())
    later = list(rows.select_related("staff").order_by("starts_at", "pk")) if found else []
    return [
        RotaBoard(
            duty, days(duty, first, number, known),
            [row for row in later if row.schedule_id == duty.schedule.pk],
        )
        for duty in found
    ]  # fmt: skip


def _others(found: Sequence[Duty], me: Sequence[Staff]) -> list[Shift]:
    """Whom one may swap with: the next shift of everybody else, the nearest first."""
    mine, nearest = {each.pk for each in me}, dict[int, Shift]()
    ahead = [shift for duty in found for shift in duty.ahead]
    for shift in sorted(ahead, key=lambda each: each.start):
        if shift.staff and shift.staff.pk not in mine:
            nearest.setdefault(shift.staff.pk, shift)
    return list(nearest.values())


def waiting_swaps(request: HttpRequest, me: Sequence[Staff], now: datetime) -> list[WaitingSwap]:
    """Those that concern this person first; the others for those who may see them."""
    rows = ShiftSwap.objects.filter(state=SwapState.ASKED, expires_at__gt=now, schedule__enabled=True)
    pks = {each.pk for each in me}
    ordered = rows.select_related("asker", "other", "schedule").order_by("pk")[:MOST_SWAPS]
    found = [WaitingSwap(row, _role(row, pks), swaps.pieces_of(row)) for row in ordered]
    seen = [each for each in found if each.role or request.user.has_perm("secops_agent.view_shiftswap")]
    return sorted(seen, key=lambda each: ("other", "asker", "").index(each.role))


def _role(row: ShiftSwap, pks: set[int]) -> str:
    return "other" if row.other_id in pks else "asker" if row.asker_id in pks else ""


def _people(request: HttpRequest) -> list[tuple[str, str]]:
    """Whom a form suggests."""
    everybody = request.user.has_perm("secops_agent.add_oncalloverride")
    return schedules.suggested(everybody=everybody) if everybody or may_swap(request) else []
