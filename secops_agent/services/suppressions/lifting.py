"""Suppressed alerts that come back into the list."""

from collections.abc import Sequence

from secops_agent.models import Alert, History
from secops_agent.models.choices import AlertStatus
from secops_agent.services.actors import Actor
from secops_agent.services.audit import history


def lift(rows: Sequence[Alert], actor: Actor, why: str) -> set[int]:
    """Open those of the rows (locked by the caller) that a rule closed and nobody judged; returns them."""
    mine = [
        row for row in rows if row.suppressed_by_id and row.status == AlertStatus.CLOSED and not row.verdict
    ]
    if not mine:
        return set()
    for row in mine:
        row.status, row.closed_at, row.suppressed_by_id = AlertStatus.OPEN, None, None
    Alert.objects.filter(pk__in=[row.pk for row in mine]).update(
        status=AlertStatus.OPEN, closed_at=None, suppressed_by_id=None
    )
    History.objects.bulk_create(history.entry("alert", row.pk, actor, "lift", {}, why) for row in mine)
    return {row.pk for row in mine}
