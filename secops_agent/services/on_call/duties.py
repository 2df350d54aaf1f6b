"""Duties: who is on call in each rota, who is next, and when nobody is; for pages and for the API."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from secops_agent.models import OnCallSchedule, Staff
from secops_agent.services.on_call.shifts import Shift, gaps, shifts, shifts_of

AROUND: Final = timedelta(days=31)
MOST: Final = 20  # rotas


@dataclass(frozen=True, slots=True)
class Duty:
    """One rota at a moment; ``shifts`` are those of a month before and after it."""

    schedule: OnCallSchedule
    at: datetime
    shifts: tuple[Shift, ...]

    @property
    def ahead(self) -> list[Shift]:
        """The present shift and what comes after it."""
        return [each for each in self.shifts if each.end > self.at]

    @property
    def present(self) -> Shift:
        """The shift, or the gap, that the moment lies in."""
        return self.ahead[0]

    @property
    def following(self) -> Shift | None:
        """The next shift of somebody else; None if there is none."""
        others = (each for each in self.ahead if each.staff and each.staff != self.present.staff)
        return next(others, None)

    @property
    def gaps(self) -> list[Shift]:
        """When nobody is on call in the two weeks to come, though somebody should be."""
        return gaps(self.shifts, self.at)

    def of(self, people: Collection[Staff]) -> list[Shift]:
        """The shifts of these people, the present one too."""
        mine = {each.pk for each in people}
        return [each for each in self.ahead if each.staff and each.staff.pk in mine]


def duties(now: datetime) -> list[Duty]:
    """Of the rotas in use, by name; five queries."""
    rows = list(OnCallSchedule.objects.filter(enabled=True).order_by("name")[:MOST])
    found = shifts_of(rows, now - AROUND, now + AROUND) if rows else {}
    return [Duty(row, now, tuple(found[row.pk])) for row in rows]


AHEAD: Final = timedelta(days=28)
MOST_SHIFTS: Final = 20


@dataclass(frozen=True, slots=True)
class ShiftView:
    """``staff_id`` "" is a gap; ``origin``: layer, override, swap, gap or off."""

    staff_id: str
    name: str
    starts_at: datetime
    ends_at: datetime
    origin: str


@dataclass(frozen=True, slots=True)
class RotaView:
    """``shifts`` begin with the present one, ``gaps`` are of the next two weeks."""

    name: str
    enabled: bool
    shifts: tuple[ShiftView, ...]
    gaps: tuple[ShiftView, ...]


def rotas() -> tuple[RotaView, ...]:
    """All of them, by name."""
    return tuple(_rota(schedule) for schedule in OnCallSchedule.objects.order_by("name"))


def _rota(schedule: OnCallSchedule) -> RotaView:
    now = timezone.now()
    found = shifts(schedule, now, now + AHEAD)
    ahead, lacking = (tuple(map(_view, each[:MOST_SHIFTS])) for each in (found, gaps(found, now)))
    return RotaView(schedule.name, schedule.enabled, ahead, lacking)


def _view(shift: Shift) -> ShiftView:
    staff = shift.staff
    return ShiftView(
        staff.staff_id if staff else "", staff.name if staff else "", shift.start, shift.end, shift.origin
    )
