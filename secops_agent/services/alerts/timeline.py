"""Escalation timeline: who is told of an alert next, if nobody takes it."""

from collections.abc import Iterator, Sequence
from typing import Final

from secops_agent.models import Alert, Escalation, Silence
from secops_agent.models.choices import AlertStatus
from secops_agent.services.clock import clock
from secops_agent.services.notifications.delivery.escalation import holding
from secops_agent.services.switches import NO_SPEECH, read_switches

MOST: Final = 30


def coming(alert: Alert, active: Sequence[Silence]) -> Iterator[str]:
    """One line for each step to come, in order; of what one of the ``active`` silences covers, that it does not come."""
    if alert.status != AlertStatus.OPEN:
        return
    rows = Escalation.objects.filter(message__alerts=alert, next_at__isnull=False, rule__enabled=True)
    found = list(rows.select_related("rule", "message").order_by("next_at")[:MOST])
    silent = bool(found) and NO_SPEECH in read_switches()
    for row in found:
        again = f"，第 {row.round + 1} 轮" if row.round else ""
        step = f"（{row.rule} 第 {row.step + 1} 步{again}）"
        told = list(row.message.alerts.order_by("pk")) if active else []
        if silence := holding(active, told):
            yield f"静默中，{clock(silence.ends_at)} 以前不升级{step}"
        elif silent:
            yield f"「不主动说话」打开着，恢复以前不升级{step}"
        elif row.next_at is not None:
            yield f"{clock(row.next_at)} 还没有人确认就升级{step}"
