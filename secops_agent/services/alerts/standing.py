"""Standing of an alert among all that is not closed, in the order of what is most urgent (`queries.urgency`)."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from secops_agent.models import Alert
from secops_agent.services.alerts.queries.urgency import UNCLOSED, most_urgent, reasons

_LOOKED_AT: Final = 200  # places from the top


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """``place`` among all that is not closed, 0 behind the first ones; ``why``: what counts for it; ``before``: the number
    of the one just ahead, and why that one is."""

    place: int
    total: int
    why: str
    before: tuple[int, str] | None = None


def standing_of(alert_id: int) -> QueuePlace:
    """Where one that is not closed stands now."""
    rows = Alert.objects.filter(status__in=UNCLOSED)
    first = list(most_urgent(rows).values_list("pk", flat=True)[:_LOOKED_AT])
    ahead = next((one for one, other in pairwise(first) if other == alert_id), None)
    why = reasons([alert_id, *([ahead] if ahead else [])])
    place = first.index(alert_id) + 1 if alert_id in first else 0
    return QueuePlace(
        place, rows.count(), why.get(alert_id, ""), (ahead, why[ahead]) if ahead in why else None
    )
