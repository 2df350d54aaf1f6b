"""How long the marks of single occurrences are kept; alerts and their counts stay."""

import time
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from secops_agent.models import AlertEvent

JOB = f"{__name__}.drop_old"
_BATCH = 500


def drop_old(seconds: float = 20.0, now: datetime | None = None) -> int:
    """Drop marks older than the retention, the oldest first, in small transactions. Returns how many.

    Those of alerts that came in since then stay: a file with old events that was read yesterday still counts once
    when it is read today. What is left when the time is over goes the next time.
    """
    days = settings.ALERT_EVENT_RETENTION_DAYS
    if not days:
        return 0
    before = (now or timezone.now()) - timedelta(days=days)
    old = AlertEvent.objects.filter(at__lt=before, alert__created_at__lt=before).order_by("at", "pk")
    deadline, count = time.monotonic() + seconds, 0
    while time.monotonic() < deadline and (found := list(old.values_list("pk", "at")[:_BATCH])):
        count += AlertEvent.objects.filter(pk__in=[pk for pk, _ in found]).delete()[0]
        old = old.filter(at__gte=found[-1][1])  # what stays is not looked at again
    return count
