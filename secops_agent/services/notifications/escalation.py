"""While nobody takes a group of alerts in hand: the next ones are told, at last the administrators."""

from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import QuerySet

from bifang.channels import outbox
from bifang.channels.ports import ReplyTarget
from bifang.core.db import database_now
from secops_agent.models import (
    Alert,
    AlertMessage,
    AlertMessageItem,
    Escalation,
    MessageState,
    NotificationTarget,
    Role,
    Staff,
)
from secops_agent.models.choices import AlertStatus
from secops_agent.services.notifications import silences, wording
from secops_agent.services.notifications.matching import facts_of
from secops_agent.services.notifications.targets import destination

ROUND: Final = 20
LOOK_AGAIN: Final = timedelta(minutes=5)  # while it is silenced, or the quota has no room
EXHAUSTED: Final = "已到最后一步"


def step() -> int:
    """Take the steps that are due; returns how many. Raises DatabaseError."""
    now = database_now()
    with transaction.atomic():
        _hurry_unreachable(now)
        rows = list(_due(now)[:ROUND])
        for row in rows:
            _take(row, now)
    return len(rows)


def _due(now: datetime) -> "QuerySet[Escalation]":
    rows = Escalation.objects.filter(next_at__lte=now).select_related("rule", "message").order_by("next_at")
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True, of=("self",))
    return rows


def _hurry_unreachable(now: datetime) -> None:
    """What could not be delivered does not wait for its time."""
    rows = Escalation.objects.filter(next_at__gt=now, message__state=MessageState.UNDELIVERABLE, step=0)
    rows.update(next_at=now)


def _take(row: Escalation, now: datetime) -> None:
    alerts = list(Alert.objects.filter(messages=row.message).select_related("assignee").order_by("pk"))
    if not any(each.status == AlertStatus.OPEN for each in alerts):
        by_source = alerts and all(each.closed_by_source for each in alerts)
        _end(row, Escalation.RESOLVED if by_source else Escalation.TAKEN)
        return
    if silences.covering_all(silences.active(now), alerts, facts_of(alerts[:1])[alerts[0].pk]):
        row.next_at = now + LOOK_AGAIN
        row.save(update_fields=["next_at"])
        return
    targets = list(row.rule.targets.filter(step=row.step))
    if targets:
        for target in targets:
            _escalate_to(target, row, alerts, now)
    else:
        _tell_administrators(row, alerts)
    waits = row.rule.escalate
    row.step += 1
    if row.step < len(waits):
        row.next_at = now + timedelta(minutes=waits[row.step])
        row.save(update_fields=["step", "next_at"])
    else:
        _end(row, EXHAUSTED)


def _end(row: Escalation, why: str) -> None:
    row.next_at, row.ended = None, why
    row.save(update_fields=["step", "next_at", "ended"])


def _escalate_to(target: NotificationTarget, row: Escalation, alerts: list[Alert], now: datetime) -> None:
    message = AlertMessage.objects.create(
        target=target, destination=destination(target), group_key=row.message.group_key, kind="escalation", opened_at=now,
        due_at=now, reason=f"升级第 {row.step + 1} 步",
    )  # fmt: skip
    AlertMessageItem.objects.bulk_create(AlertMessageItem(message=message, alert=each) for each in alerts)


def _tell_administrators(row: Escalation, alerts: list[Alert]) -> None:
    config_id = row.message.target.config_id
    if config_id is None:
        return
    text = wording.group_text(alerts, facts_of(alerts[:1])[alerts[0].pk], prefix="⏫ 升级：一直无人处理 ")
    for staff in Staff.objects.filter(role=Role.ADMIN, active=True).order_by("pk")[:10]:
        target = ReplyTarget("", is_group=False, staff_id=staff.staff_id)
        key = f"escalation:{row.pk}:{row.step}:{staff.pk}"
        outbox.notify(config_id, target, text, key=key, title=wording.title_of(alerts))
