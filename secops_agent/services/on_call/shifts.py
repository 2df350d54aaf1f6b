"""Shifts: who is on call, moment by moment, from layers and exceptions."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from django.db.models import Prefetch
from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.models import OnCallLayer, OnCallMember, OnCallOverride, OnCallSchedule, Staff
from secops_agent.models.people.on_call import Days, Rotation
from secops_agent.services.on_call.working_days import WorkingDays

ZONE: Final = ZoneInfo("Asia/Shanghai")
LONGEST: Final = timedelta(days=400)
SOON: Final = timedelta(days=14)  # how far ahead gaps are looked for
Origin = Literal["layer", "override", "swap", "gap", "off"]


@dataclass(frozen=True, slots=True)
class Shift:
    """[start, end) of one person; nobody for a gap, and where the rota has no hours ("off"). Times are aware."""

    start: datetime
    end: datetime
    staff: Staff | None
    origin: Origin

    @property
    def who(self) -> str:
        """The name, or why there is none."""
        return self.staff.name if self.staff else "不排班" if self.origin == "off" else "无人值班"

    @property
    def instead(self) -> str:
        """Why it is not whom the rota says: 换班, 临时换人; "" for who it says."""
        return {"swap": "换班", "override": "临时换人"}.get(self.origin, "")


def moment(at: datetime) -> str:
    """11-26 周四 09:00."""
    local = at.astimezone(ZONE)
    return f"{local:%m-%d} 周{'一二三四五六日'[local.weekday()]} {local:%H:%M}"


def on_call_at(schedule: OnCallSchedule, at: datetime) -> Shift:
    """The shift that a moment lies in, whole within 31 days around it."""
    return shift_at(around([schedule], at)[schedule.pk], at)


def around(schedules: Sequence[OnCallSchedule], at: datetime) -> dict[int, list[Shift]]:
    """`shifts_of` from 31 days before a moment to 31 days after it: what a page says of it comes from here."""
    return shifts_of(schedules, at - timedelta(days=31), at + timedelta(days=31))


def shift_at(found: Iterable[Shift], at: datetime) -> Shift:
    """The one that a moment lies in."""
    return next(shift for shift in found if shift.start <= at < shift.end)


def within(found: Iterable[Shift], start: datetime, end: datetime) -> list[Shift]:
    """Those of [start, end), cut at both ends."""
    return [
        replace(each, start=max(each.start, start), end=min(each.end, end))
        for each in found
        if each.start < end and start < each.end
    ]


def gaps(found: Iterable[Shift], now: datetime) -> list[Shift]:
    """When somebody should be on call and nobody is, from now on for two weeks."""
    return [each for each in within(found, now, now + SOON) if each.origin == "gap"]


def unmanned(schedules: Sequence[OnCallSchedule], now: datetime) -> list[Shift]:
    """When nobody is on call in any of them, for two weeks, hours that no rota has included."""
    pieces = [Shift(now, now + SOON, None, "gap")]
    for found in shifts_of(schedules, now, now + SOON).values():
        pieces = _cover(pieces, iter(found))
    return [each for each in joined(pieces) if each.staff is None]


def next_on_call(schedule: OnCallSchedule, at: datetime) -> Staff | None:
    """Who comes after the one on call at that moment, within 31 days; None if nobody does."""
    first, *rest = shifts(schedule, at, at + timedelta(days=31))
    return next((each.staff for each in rest if each.staff and each.staff != first.staff), None)


def of_days(schedule: OnCallSchedule, days: Iterable[date]) -> list[Shift]:
    """What is still to come of each day, which begins with its handover, cut there."""
    layer = schedule.layers.order_by("position").first()
    starts = [datetime.combine(day, layer.handover if layer else time(9), ZONE) for day in days]
    found = [each for start in starts for each in shifts(schedule, start, start + timedelta(days=1))]
    now = timezone.now()
    return [each for each in found if each.end > now]


def shifts(schedule: OnCallSchedule, start: datetime, end: datetime) -> list[Shift]:
    """All shifts and gaps of [start, end), in order and without overlap. Raises InvalidInput for too long a span."""
    return shifts_of([schedule], start, end)[schedule.pk]


def shifts_of(schedules: Sequence[OnCallSchedule], start: datetime, end: datetime) -> dict[int, list[Shift]]:
    """`shifts` of several, by their ids; four queries for any number of them."""
    if not timedelta(0) < end - start <= LONGEST:
        raise InvalidInput(f"时间范围应在 {LONGEST.days} 天以内，且结束晚于开始。")
    start, end = start.astimezone(ZONE), end.astimezone(ZONE)
    days = WorkingDays.between(start.date() - timedelta(days=1), end.date() + timedelta(days=1))
    layers = list(_layers([each.pk for each in schedules]))
    pieces = {
        each.pk: _hours([layer for layer in layers if layer.schedule_id == each.pk], start, end, days)
        for each in schedules
    }
    for layer in layers:
        pieces[layer.schedule_id] = _cover(pieces[layer.schedule_id], _layer_shifts(layer, start, end, days))
    overrides = OnCallOverride.objects.filter(schedule__in=pieces, starts_at__lt=end, ends_at__gt=start)
    for each in overrides.select_related("staff").order_by("pk"):
        pieces[each.schedule_id] = _cover(pieces[each.schedule_id], iter([_override_shift(each)]))
    return {pk: joined(found) for pk, found in pieces.items()}


def _hours(layers: Sequence[OnCallLayer], start: datetime, end: datetime, days: WorkingDays) -> list[Shift]:
    """What there is to be covered: all the time, unless every layer has its days or hours."""
    if not layers or any(each.days == Days.ALL and each.hours_from is None for each in layers):
        return [Shift(start, end, None, "gap")]
    pieces = [Shift(start, end, None, "off")]
    for layer in layers:
        for opens, closes in _windows(layer, start, end, days):
            top = Shift(opens, closes, None, "gap")
            pieces = [part for piece in pieces for part in _without(piece, top)]
    return sorted(pieces, key=lambda piece: piece.start)


def _layers(schedule_ids: Iterable[int]) -> Iterable[OnCallLayer]:
    """The lowest first, with their people."""
    people = Prefetch("members", OnCallMember.objects.select_related("staff"))
    rows = OnCallLayer.objects.filter(schedule__in=schedule_ids).prefetch_related(people)
    return rows.order_by("position")


def _override_shift(override: OnCallOverride) -> Shift:
    start, end = override.starts_at.astimezone(ZONE), override.ends_at.astimezone(ZONE)
    return Shift(start, end, override.staff, "swap" if override.is_swap else "override")


def _cover(below: Sequence[Shift], above: Iterator[Shift]) -> list[Shift]:
    """What lies above hides what is below it. A person who left covers nothing."""
    pieces = list(below)
    for top in above:
        if top.staff is None or not top.staff.active:
            continue
        pieces = [part for piece in pieces for part in _without(piece, top)]
    return sorted(pieces, key=lambda piece: piece.start)


def _without(piece: Shift, top: Shift) -> Iterator[Shift]:
    start, end = max(piece.start, top.start), min(piece.end, top.end)
    if start >= end:
        yield piece
        return
    if piece.start < start:
        yield Shift(piece.start, start, piece.staff, piece.origin)
    yield Shift(start, end, top.staff, top.origin)
    if end < piece.end:
        yield Shift(end, piece.end, piece.staff, piece.origin)


def joined(pieces: Sequence[Shift]) -> list[Shift]:
    """With what follows itself as one."""
    found: list[Shift] = []
    for piece in pieces:
        last = found[-1] if found else None
        if last and last.end == piece.start and (last.staff, last.origin) == (piece.staff, piece.origin):
            found[-1] = Shift(last.start, piece.end, last.staff, last.origin)
        else:
            found.append(piece)
    return found


def _layer_shifts(layer: OnCallLayer, start: datetime, end: datetime, days: WorkingDays) -> Iterator[Shift]:
    people = [member.staff for member in layer.members.all()]
    if not people:
        return
    for number, (begin, until) in _turns(layer, start, end):
        staff = people[number % len(people)]
        for window_start, window_end in _windows(layer, begin, until, days):
            first, last = max(begin, window_start, start), min(until, window_end, end)
            if first < last:
                yield Shift(first, last, staff, "layer")


def _turns(
    layer: OnCallLayer, start: datetime, end: datetime
) -> Iterator[tuple[int, tuple[datetime, datetime]]]:
    """(number, [begin, until)) of the turns that touch [start, end); the first one ever is number 0."""
    first = datetime.combine(layer.start, layer.handover, ZONE)
    length = _length(layer)
    number = max(int((start - first) / length) - 1, 0)
    while (begin := first + number * length) < end:
        yield number, (begin, first + (number + 1) * length)
        number += 1


def _length(layer: OnCallLayer) -> timedelta:
    if layer.rotation == Rotation.HOURS:
        return timedelta(hours=layer.shift_hours)
    return timedelta(days=7 if layer.rotation == Rotation.WEEKLY else 1)


def _windows(
    layer: OnCallLayer, begin: datetime, until: datetime, days: WorkingDays
) -> Iterator[tuple[datetime, datetime]]:
    """The parts of a turn that the layer covers, by days and hours."""
    if layer.days == Days.ALL and layer.hours_from is None:
        yield begin, until
        return
    day = begin.date() - timedelta(days=1)  # a night begins on the day before
    while day <= until.date():
        if layer.days == Days.ALL or days.is_working(day) == (layer.days == Days.WORKING):
            yield _window(day, layer.hours_from or time(0), layer.hours_until or time(0))
        day += timedelta(days=1)


def _window(day: date, opens: time, closes: time) -> tuple[datetime, datetime]:
    last = day if opens < closes else day + timedelta(days=1)
    return datetime.combine(day, opens, ZONE), datetime.combine(last, closes, ZONE)
