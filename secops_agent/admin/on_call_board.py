"""The rotas at a glance: who is on call now and next, gaps, swaps that wait, and the next two weeks day by day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final

from django.utils import timezone

from secops_agent.models import OnCallSchedule, ShiftSwap, SwapState
from secops_agent.services.on_call.shifts import ZONE, Shift, gaps, next_on_call, on_call_at, shifts

DAYS: Final = 14
MOST: Final = 20  # schedules
TONES: Final = 6
_WEEKDAYS: Final = "一二三四五六日"


@dataclass(frozen=True, slots=True)
class Spell:
    """Somebody's part of a day; ``tone`` is theirs in the whole schedule, "gap" for nobody. ``since``: "" from midnight."""

    name: str
    since: str
    tone: str
    origin: str


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the calendar."""

    date: str
    weekday: str
    today: bool
    spells: tuple[Spell, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """One schedule. ``gaps`` counts those of the two weeks, ``swaps`` are lines."""

    schedule: OnCallSchedule
    now: str
    until: datetime | None
    after: str
    gaps: int
    swaps: tuple[str, ...]
    days: tuple[Day, ...]


def boards() -> list[Board]:
    """Of the schedules in use, by name."""
    return [_board(each) for each in OnCallSchedule.objects.filter(enabled=True).order_by("name")[:MOST]]


def _board(schedule: OnCallSchedule) -> Board:
    now = timezone.now()
    start = datetime.combine(now.astimezone(ZONE).date(), time(0), ZONE)
    found = shifts(schedule, start, start + timedelta(days=DAYS))
    present, after = on_call_at(schedule, now), next_on_call(schedule, now)
    tones = _tones(found)
    return Board(
        schedule, present.staff.name if present.staff else "", present.end if present.staff else None,
        after.name if after else "", len(gaps(schedule)), _swaps(schedule, now),
        tuple(_day(start + timedelta(days=number), found, tones, number == 0) for number in range(DAYS)),
    )  # fmt: skip


def _tones(found: Sequence[Shift]) -> dict[int, str]:
    people = dict.fromkeys(each.staff.pk for each in found if each.staff)
    return {pk: str(number % TONES) for number, pk in enumerate(people)}


def _day(start: datetime, found: Sequence[Shift], tones: dict[int, str], today: bool) -> Day:
    end = start + timedelta(days=1)
    spells = tuple(
        Spell(
            each.staff.name if each.staff else "无人",
            f"{each.start.astimezone(ZONE):%H:%M}" if each.start > start else "",
            tones[each.staff.pk] if each.staff else "gap",
            each.origin,
        )
        for each in found
        if each.start < end and each.end > start
    )
    return Day(f"{start:%m-%d}", _WEEKDAYS[start.weekday()], today, spells)


def _swaps(schedule: OnCallSchedule, now: datetime) -> tuple[str, ...]:
    rows = ShiftSwap.objects.filter(schedule=schedule, state=SwapState.ASKED, expires_at__gt=now)
    return tuple(
        f"{row.asker.name} 想和 {row.other.name} 换班 {row.code}，等 {row.other.name} 答复到 {timezone.localtime(row.expires_at):%m-%d %H:%M}"
        for row in rows.select_related("asker", "other").order_by("pk")
    )


def board_context() -> dict[str, Any]:
    """For the template."""
    return {"bf_boards": boards()}
