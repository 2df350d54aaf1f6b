"""How long the marks of single occurrences are kept; alerts and their counts stay."""

import time
from datetime import datetime

from bifang.core.database.retention import breathe
from secops_agent.models import AlertEvent

_BATCH = 500


def drop_old(before: datetime, end: float = float("inf")) -> int:
    """Drop marks from before that moment, the oldest first, in small transactions. Returns how many.

    Those of alerts that came in since then stay: a file with old events that was read yesterday still counts once
    when it is read today. What is left at the ``end`` (of the monotonic clock) goes the next time.
    """
    old = AlertEvent.objects.filter(at__lt=before, alert__created_at__lt=before).order_by("at", "pk")
    count = 0
    while time.monotonic() < end and (found := list(old.values_list("pk", "at")[:_BATCH])):
        count += AlertEvent.objects.filter(pk__in=[pk for pk, _ in found]).delete()[0]
        old = old.filter(at__gte=found[-1][1])  # what stays is not looked at again
        breathe()
    return count
