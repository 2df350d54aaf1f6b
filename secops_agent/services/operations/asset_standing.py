"""Standing of an asset: its open alerts, whether our records have it cut off or silenced, and what cases say of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Q

from secops_agent.models import Alert, AlertAsset
from secops_agent.models.choices import AlertStatus
from secops_agent.services.alerts.queries.urgency import most_urgent
from secops_agent.services.alerts.views import AlertSummary, summaries
from secops_agent.services.cases.timeline import CaseMoment, naming
from secops_agent.services.cases.views import CaseRef
from secops_agent.services.decisions.ledger.blocks import NOW, Block, find_blocks, find_silences
from secops_agent.services.records import SEVERITIES
from secops_agent.services.sla import overdue

_WORST: Final = 5
_CASES: Final = 3
RECENT: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class AssetStanding:
    """``levels``: (severity, number) of the alerts that are not closed, ``late`` of them over their limit; ``recent``: alerts that
    occurred within `RECENT`, whatever their state; ``worst``: of the open ones; ``blocks``: its isolation and silences, in
    force or waiting; ``cases``: that have alerts of it, the newest first; ``said``: what was noted or done in them that names it."""

    levels: tuple[tuple[str, int], ...]
    late: int
    recent: int
    worst: tuple[AlertSummary, ...]
    blocks: tuple[Block, ...]
    cases: tuple[CaseRef, ...]
    said: tuple[CaseMoment, ...]

    @property
    def total(self) -> int:
        """Alerts that are not closed."""
        return sum(number for _, number in self.levels)


def standing_of(asset_id: int, name: str, now: datetime) -> AssetStanding:
    """Eight queries."""
    linked = AlertAsset.objects.filter(asset_id=asset_id).values("alert_id")
    rows, since = Alert.objects.filter(pk__in=linked), Q(last_seen__gte=now - RECENT)
    open_now = ~Q(status=AlertStatus.CLOSED)
    told = rows.filter(open_now | since | Q(case__isnull=False)).order_by()
    cells = told.values_list("severity", "case_id", "case__title", "case__status").annotate(
        open=Count("pk", filter=open_now),
        late=Count("pk", filter=overdue(now)),
        recent=Count("pk", filter=since),
    )
    levels, late, recent, cases = dict.fromkeys(SEVERITIES, 0), 0, 0, dict[int, CaseRef]()
    for severity, case_id, title, status, number, over, lately in cells:
        levels[severity] += number
        late, recent = late + over, recent + lately
        if case_id:
            cases[case_id] = CaseRef(case_id, title or "", status or "")
    current = rows.filter(open_now).select_related("assignee", "case__owner")
    worst = most_urgent(current)[:_WORST]
    blocks = [*find_blocks(asset_id=asset_id), *find_silences("asset", name)]
    last = sorted(cases, reverse=True)[:_CASES]
    return AssetStanding(
        tuple((level, number) for level, number in levels.items() if number),
        late,
        recent,
        tuple(summaries(list(worst))),
        tuple(each for each in blocks if each.state in NOW),
        tuple(cases[pk] for pk in last),
        naming(last, name),
    )
