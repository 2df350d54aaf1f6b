"""Who has the duty of each rota, who is next, and when nobody is: several rotas at once."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from secops_agent.models import OnCallSchedule, Staff
from secops_agent.services.on_call.shifts import Shift, shifts_of

AROUND: Final = timedelta(days=31)
SOON: Final = timedelta(days=14)
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
        """When nobody is on call in the two weeks to come."""
        return [each for each in self.ahead if each.staff is None and each.start < self.at + SOON]

    def of(self, people: Collection[Staff]) -> list[Shift]:
        """The shifts of these people, the present one too."""
        mine = {each.pk for each in people}
        return [each for each in self.ahead if each.staff and each.staff.pk in mine]


def duties(now: datetime) -> list[Duty]:
    """Of the rotas in use, by name; five queries."""
    rows = list(OnCallSchedule.objects.filter(enabled=True).order_by("name")[:MOST])
    found = shifts_of(rows, now - AROUND, now + AROUND) if rows else {}
    return [Duty(row, now, tuple(found[row.pk])) for row in rows]
