"""The calendar of a rota: the days of some weeks, each with who is on call, and which are no working days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from secops_agent.models import CalendarDay
from secops_agent.services.on_call.duties import Duty
from secops_agent.services.on_call.shifts import ZONE, Shift

TONES: Final = 6
WEEKDAYS: Final = "一二三四五六日"


@dataclass(frozen=True, slots=True)
class Spell:
    """Somebody's part of a day; ``tone`` is theirs in the whole rota, "gap" for nobody. ``since``: "" from midnight."""

    name: str
    since: str
    tone: str
    origin: str


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the calendar; ``holiday``: what the table of holidays says of it, in words."""

    date: date
    weekday: str
    today: bool
    rest: bool
    holiday: str
    spells: tuple[Spell, ...]


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
    spells = tuple(_spell(each, start, tones) for each in found if each.start < end and each.end > start)
    told = f"{special.name}{'上班' if special.working else '休息'}" if special else ""
    return Day(day, WEEKDAYS[day.weekday()], day == now.astimezone(ZONE).date(), rest, told, spells)


def _spell(shift: Shift, start: datetime, tones: Mapping[int, str]) -> Spell:
    since = f"{shift.start.astimezone(ZONE):%H:%M}" if shift.start > start else ""
    if shift.staff is None:
        return Spell("无人", since, "gap", shift.origin)
    return Spell(shift.staff.name, since, tones[shift.staff.pk], shift.origin)
