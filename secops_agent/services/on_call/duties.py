"""Who has the duty of each rota, who is next, and when nobody is: several rotas at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from secops_agent.models import OnCallSchedule, Staff
from secops_agent.services.on_call.shifts import Shift, shifts_of

AROUND: Final = timedelta(days=31)
AHEAD: Final = timedelta(days=14)
MOST: Final = 20  # rotas


@dataclass(frozen=True, slots=True)
class Duty:
    """One rota at a moment: the shift it lies in, what comes after it within a month (``ahead``), and the gaps of the
    two weeks to come; a gap that has begun is the first of them."""

    schedule: OnCallSchedule
    present: Shift
    ahead: tuple[Shift, ...]
    gaps: tuple[Shift, ...]

    @property
    def following(self) -> Shift | None:
        """The next shift of somebody else; None if there is none."""
        others = (each for each in self.ahead if each.staff and each.staff != self.present.staff)
        return next(others, None)

    def of(self, people: Sequence[Staff]) -> list[Shift]:
        """The shifts of these people, the present one too."""
        mine = {each.pk for each in people}
        return [each for each in (self.present, *self.ahead) if each.staff and each.staff.pk in mine]


def duties(now: datetime) -> list[Duty]:
    """Of the rotas in use, by name; five queries."""
    rows = list(OnCallSchedule.objects.filter(enabled=True).order_by("name")[:MOST])
    found = shifts_of(rows, now - AROUND, now + AROUND) if rows else {}
    return [_duty(row, found[row.pk], now) for row in rows]


def _duty(schedule: OnCallSchedule, found: Sequence[Shift], now: datetime) -> Duty:
    present, *ahead = (each for each in found if each.end > now)
    soon = (present, *ahead)
    gaps = tuple(each for each in soon if each.staff is None and each.start < now + AHEAD)
    return Duty(schedule, present, tuple(ahead), gaps)
