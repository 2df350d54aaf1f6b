"""Deadlines of alerts: one at risk or broken is noted once, and told where a rule is about it."""

from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from bifang.core.database.db import database_now
from bifang.core.database.rows import lock_idle
from secops_agent.models import Alert
from secops_agent.services.notifications.matching import Changed, note_changes
from secops_agent.services.sla import SlaLimits, overdue

ROUND: Final = 200  # alerts of one transaction


def watch() -> int:
    """Note what is due; returns how many alerts. Safe on several workers, and killed at any moment."""
    now = database_now()
    late = Alert.objects.filter(overdue(now), sla_told__in=("", "at_risk"))
    soon = Alert.objects.filter(SlaLimits().at_risk(now), sla_told="")
    return _note(late, "broken", now) + _note(soon, "at_risk", now)


def _note(rows: "QuerySet[Alert]", stage: str, now: datetime) -> int:
    if not rows.exists():  # asked every second: without SQLite's one write lock
        return 0
    with transaction.atomic():
        found = list(lock_idle(rows.order_by("due_at", "pk"))[:ROUND])
        Alert.objects.filter(pk__in=[row.pk for row in found]).update(sla_told=stage)
        note_changes([Changed(row, frozenset({f"sla_{stage}"})) for row in found], now)
    return len(found)
