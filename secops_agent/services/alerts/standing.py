"""Standing of alerts in the order of what is most urgent (`filters.ordered`): why each stands where it does, in words.

The one source of these words, for the pages and for the chat.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from django.utils import timezone

from bifang.channels.text.markup import plain
from secops_agent.models import Alert, AlertAsset
from secops_agent.models.choices import AlertStatus, Importance, Severity
from secops_agent.services.alerts.queries.filters import STILL, UNCLOSED, ordered
from secops_agent.services.sla import RiskClock

_SHOWN: Final = 3  # core assets that are named
_LOOKED_AT: Final = 200  # places from the top


def weighs(row: Alert, core: Sequence[str], clock: RiskClock) -> str:
    """What counts for it among those of its level; "" for what is closed. ``core``: the names of the core assets that it concerns."""
    if row.status == AlertStatus.CLOSED:
        return ""
    free = row.status == AlertStatus.OPEN and row.handler is None
    late = {"broken": "已超时", "at_risk": "快超时"}.get(clock.stage(row), "")
    still = "还在发生" if row.last_seen >= timezone.now() - STILL else ""
    shown = "、".join(" ".join(name.split()) for name in core[:_SHOWN])
    return "，".join(
        filter(None, ("没人处理" if free else "", still, f"核心资产 {shown}" if core else "", late))
    )


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """``place`` among all that is not closed, 0 behind the first ones; ``why``: its level and what counts for it; ``before``: the number
    of the one just ahead, and why that one is."""

    place: int
    total: int
    why: str
    before: tuple[int, str] | None = None


def reasons(ids: Collection[int]) -> dict[int, str]:
    """Alert → its level and what counts for it: 严重，没人处理，核心资产 db-02. Three queries."""
    core: dict[int, list[str]] = {}
    pairs = AlertAsset.objects.filter(alert_id__in=ids, asset__importance=Importance.CRITICAL).order_by("id")
    for alert_id, name in pairs.values_list("alert_id", "asset__name"):
        core.setdefault(alert_id, []).append(plain(name, 40))
    clock = RiskClock(timezone.now())
    return {
        row.pk: "，".join(
            filter(None, (str(Severity(row.severity).label), weighs(row, core.get(row.pk, []), clock)))
        )
        for row in Alert.objects.filter(pk__in=ids)
    }


def standing_of(alert_id: int) -> QueuePlace:
    """Where one that is not closed stands now."""
    rows = Alert.objects.filter(status__in=UNCLOSED)
    first = list(ordered(rows, "urgent").values_list("pk", flat=True)[:_LOOKED_AT])
    ahead = next((one for one, other in pairwise(first) if other == alert_id), None)
    why = reasons([alert_id, *([ahead] if ahead else [])])
    place = first.index(alert_id) + 1 if alert_id in first else 0
    return QueuePlace(
        place, rows.count(), why.get(alert_id, ""), (ahead, why[ahead]) if ahead in why else None
    )
