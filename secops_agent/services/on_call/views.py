"""Rotas as programs see them: who is on call now, what comes next, and when nobody is."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from secops_agent.models import OnCallSchedule
from secops_agent.services.on_call.shifts import Shift, gaps, shifts

AHEAD: Final = timedelta(days=28)
MOST: Final = 20


@dataclass(frozen=True, slots=True)
class ShiftView:
    """``staff_id`` "" is a gap; ``origin``: layer, override or gap."""

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
    ahead = tuple(_view(each) for each in shifts(schedule, now, now + AHEAD)[:MOST])
    return RotaView(
        schedule.name, schedule.enabled, ahead, tuple(_view(each) for each in gaps(schedule)[:MOST])
    )


def _view(shift: Shift) -> ShiftView:
    staff = shift.staff
    return ShiftView(
        staff.staff_id if staff else "", staff.name if staff else "", shift.start, shift.end, shift.origin
    )
