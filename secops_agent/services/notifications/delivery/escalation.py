"""Escalation: while nobody takes a group of alerts, the next ones are told, at last the administrators."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from bifang.core.database.db import database_now
from bifang.core.database.rows import lock_idle
from secops_agent.models import (
    Alert,
    AlertMessage,
    AlertMessageItem,
    Escalation,
    NotificationTarget,
    Silence,
    Staff,
    TargetKind,
)
from secops_agent.models.choices import AlertStatus
from secops_agent.services.notifications import silences
from secops_agent.services.notifications.delivery import administrators
from secops_agent.services.notifications.delivery.reaching import UNREACHED
from secops_agent.services.notifications.matching import LinkedAssets, facts_of
from secops_agent.services.notifications.targets import destination, members, place_at, place_of
from secops_agent.services.switches import NO_SPEECH, read_switches

ROUND: Final = 20
LOOK_AGAIN: Final = timedelta(minutes=5)  # while it is silenced, or nothing is said unasked
EXHAUSTED: Final = "已到最后一步"
DISABLED: Final = "规则已停用"


def step() -> int:
    """Take the steps that are due; returns how many. Raises DatabaseError."""
    now = database_now()
    due = Escalation.objects.filter(next_at__lte=now).order_by("next_at")
    if not due.exists():  # asked every second: without SQLite's one write lock
        return 0
    with transaction.atomic():
        rows = list(lock_idle(due.select_related("rule", "message__target__config"))[:ROUND])
        for row in rows:
            _take(row, now)
    return len(rows)


def _take(row: Escalation, now: datetime) -> None:
    if not row.rule.enabled:
        _end(row, DISABLED)
        return
    rows = Alert.objects.filter(messages=row.message).select_related("assignee", "case__owner")
    alerts = list(rows.order_by("pk"))
    if not any(each.status == AlertStatus.OPEN and (each.assignee or not each.handler) for each in alerts):
        by_source = alerts and all(each.closed_by_source for each in alerts)
        _end(row, Escalation.RESOLVED if by_source else Escalation.TAKEN)
        return
    if NO_SPEECH in read_switches() or holding(silences.active(now), alerts):
        row.next_at = now + LOOK_AGAIN
        row.save(update_fields=["next_at"])
        return
    for target, person in _told(row):
        if not _is_told_anyway(row, target, person):
            _escalate_to(target, person, row, alerts, now)
    waits = row.rule.escalate
    row.step += 1
    if row.step >= len(waits) and row.round < row.rule.repeat:
        row.step, row.round = 0, row.round + 1
    if row.step < len(waits):
        row.next_at = now + timedelta(minutes=waits[row.step])
        row.save(update_fields=["step", "round", "next_at"])
    else:
        _end(row, EXHAUSTED)


def holding(
    active: Sequence[Silence], alerts: Sequence[Alert], linked: LinkedAssets | None = None
) -> Silence | None:
    """The silence for which nothing is escalated now. ``linked``: the first one's assets, where they are known."""
    facts = facts_of(alerts[:1], linked=linked) if active and alerts else {}
    return silences.covering_all(active, alerts, facts) if facts else None


def _told(row: Escalation) -> list[tuple[NotificationTarget, Staff | None]]:
    """The step's targets, each person of a role by themselves; without a target, or without anyone, the administrators."""
    targets = row.rule.targets.filter(step=row.step).select_related("config", "staff", "schedule")
    found: list[tuple[NotificationTarget, Staff | None]] = []
    for target in targets:
        found += [(target, each) for each in members(target)] if target.role else [(target, None)]
    instead = row.message.target
    return found or [(instead, each) for each in administrators.people_of(instead.config)]


def next_told(row: Escalation, at: datetime) -> str:
    """Whom its next step tells, taken at that time: 用 DING 电话叫 值班人 安全值班（王五）、通知 管理员（张三）."""
    people: dict[NotificationTarget, list[str]] = {}
    for target, person in _told(row):
        people.setdefault(target, []).extend([person.name] if person else [])
    return "、".join(_named(target, names, at) for target, names in people.items()) or "没有人可以通知"


def _named(target: NotificationTarget, names: Sequence[str], at: datetime) -> str:
    """``names``: of those who are told one by one, whom nothing rings."""
    if names:
        return f"通知 {place_of(target) if target.role else '管理员'}（{'、'.join(names)}）"
    if not target.by:
        return f"通知 {place_at(target, at)}"
    how = "" if target.kind == TargetKind.GATEWAY else f"用 {target.get_by_display()}"
    return f"{how}叫 {place_at(target, at)}"


def _is_told_anyway(row: Escalation, target: NotificationTarget, person: Staff | None) -> bool:
    """Where the first message failed, the next step comes at once: not to whom another rule tells the same, unless it calls."""
    if row.message.state not in UNREACHED or target.by:
        return False
    same = AlertMessage.objects.filter(
        kind="group",
        destination=destination(target, person),
        group_key=row.message.group_key,
        opened_at__gte=row.message.opened_at,
    )
    return same.exclude(state__in=UNREACHED).exists()


def _end(row: Escalation, why: str) -> None:
    row.next_at, row.ended = None, why
    row.save(update_fields=["step", "next_at", "ended"])


def _escalate_to(
    target: NotificationTarget, person: Staff | None, row: Escalation, alerts: list[Alert], now: datetime
) -> None:
    again = f"（第 {row.round + 1} 轮）" if row.round else ""
    message = AlertMessage.objects.create(
        target=target, staff=person, destination=destination(target, person), group_key=row.message.group_key, burst_key=row.message.burst_key,
        kind="escalation", opened_at=now, due_at=now, reason=f"升级第 {row.step + 1} 步{again}",
    )  # fmt: skip
    AlertMessageItem.objects.bulk_create(AlertMessageItem(message=message, alert=each) for each in alerts)
