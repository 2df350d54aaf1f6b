"""Whom an alert was told to, when, and who is told next: for its page and for 「谁接了」."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from django.utils import timezone

from secops_agent.models import Alert, AlertMessage, Escalation
from secops_agent.services.notifications.targets import place_of

MOST: Final = 30


def timeline(alert: Alert) -> list[str]:
    """One line a message and one for the step to come, in order."""
    rows = AlertMessage.objects.filter(alerts=alert).order_by("pk")
    rows = rows.select_related("staff", "target__staff", "target__schedule")
    return [*(_told(row) for row in rows[:MOST]), *_next(alert)]


def _told(row: AlertMessage) -> str:
    place = f"个人 {row.staff}" if row.staff else place_of(row.target)
    who = f"{place}（{row.told_to}）" if row.told_to and row.told_to not in place else place
    what = "" if row.kind == "group" else f"{row.get_kind_display()}："
    if row.told_at is None:
        why = f"：{row.reason}" if row.reason else ""
        return f"{_at(row.opened_at)} {what}{who} {row.get_state_display()}{why}"
    return f"{_at(row.told_at)} {what}{who} 已发送"


def _next(alert: Alert) -> Iterator[str]:
    rows = Escalation.objects.filter(message__alerts=alert, next_at__isnull=False).select_related("rule")
    for row in rows.order_by("next_at")[:MOST]:
        if row.next_at is not None and alert.status == "open":
            again = f"，第 {row.round + 1} 轮" if row.round else ""
            yield f"{_at(row.next_at)} 还没有人接手就升级（{row.rule} 第 {row.step + 1} 步{again}）"


def _at(at: datetime) -> str:
    return f"{timezone.localtime(at):%m-%d %H:%M:%S}"
