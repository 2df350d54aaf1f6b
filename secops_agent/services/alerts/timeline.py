"""Escalation timeline: who is told of an alert next, if nobody takes it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from django.utils import timezone

from secops_agent.models import Alert, Escalation

MOST: Final = 30


def coming(alert: Alert) -> Iterator[str]:
    """One line for each step to come, in order."""
    rows = Escalation.objects.filter(message__alerts=alert, next_at__isnull=False).select_related("rule")
    for row in rows.order_by("next_at")[:MOST]:
        if row.next_at is not None and alert.status == "open":
            again = f"，第 {row.round + 1} 轮" if row.round else ""
            yield f"{_at(row.next_at)} 还没有人确认就升级（{row.rule} 第 {row.step + 1} 步{again}）"


def _at(at: datetime) -> str:
    return f"{timezone.localtime(at):%m-%d %H:%M:%S}"
