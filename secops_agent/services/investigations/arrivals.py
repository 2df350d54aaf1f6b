"""Arrivals: new alerts that are to be investigated, as rows in the transaction that stores them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.conf import settings
from django.utils import timezone

from secops_agent.models import Alert, Investigation
from secops_agent.models.choices import AlertStatus
from secops_agent.services.notifications.matching import WINDOW, Changed, facts_of, group_key

_NEWS: Final = frozenset({"new", "risen"})


def note_arrivals(changed: Sequence[Changed], now: datetime) -> None:
    """One investigation a group and window, as many a day as the settings allow; in the caller's transaction."""
    alerts = [each.alert for each in changed if each.changes & _NEWS and _is_wanted(each.alert)]
    if not alerts:
        return
    left = settings.INVESTIGATIONS_A_DAY - made_today(now)
    facts = facts_of(alerts) if left > 0 else {}
    groups: dict[str, Alert] = {}
    for alert in alerts[: max(0, left * 10)]:
        groups.setdefault(group_key(alert, facts[alert.pk]), alert)
    rows = Investigation.objects.filter(group_key__in=list(groups), requested_at__gt=now - WINDOW)
    known = set(rows.filter(trigger=Investigation.ARRIVAL).values_list("group_key", flat=True))
    fresh = [(key, alert) for key, alert in groups.items() if key not in known]
    Investigation.objects.bulk_create(
        (
            Investigation(alert=alert, trigger=Investigation.ARRIVAL, group_key=key, requested_at=now)
            for key, alert in fresh[: max(0, left)]
        ),
        ignore_conflicts=True,
    )


def made_today(now: datetime) -> int:
    """How much of the day's budget is used."""
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    return Investigation.objects.filter(trigger=Investigation.ARRIVAL, requested_at__gte=midnight).count()


def _is_wanted(alert: Alert) -> bool:
    return alert.severity in settings.INVESTIGATED and alert.status != AlertStatus.CLOSED
