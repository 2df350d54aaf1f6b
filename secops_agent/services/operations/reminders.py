"""Reminders: a few a day about alerts that stay unacknowledged or overdue, while their owner works or is on call."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet

from bifang.channels.allowance import allowance
from bifang.channels.ports import Suggestion
from bifang.channels.text.markup import plain
from bifang.core.database.db import database_now
from secops_agent import says
from secops_agent.models import Alert, NotificationPreference, OnCallSchedule, Staff
from secops_agent.models.choices import AlertStatus
from secops_agent.services import links
from secops_agent.services.notifications.delivery.wording import MARKS, gravest
from secops_agent.services.notifications.preferences import preference_of, speaks_at
from secops_agent.services.on_call.shifts import ZONE, on_call_at
from secops_agent.services.on_call.working_days import CLOSES, OPENS, WorkingDays
from secops_agent.services.people.messages import config_of, tell
from secops_agent.services.sla import is_overdue, overdue

PATIENCE: Final = timedelta(minutes=30)  # an alert that is newer than this was just told
PAUSE: Final = timedelta(hours=2)  # between two reminders of a person
MOST_PEOPLE: Final = 200
MOST_LISTED: Final = 5


def step() -> int:
    """Remind who is to be reminded; returns how many. Raises DatabaseError."""
    now = database_now()
    owners = Staff.objects.filter(active=True, pk__in=_waiting(now).values("assignee"))
    recently = Q(preference__reminded_at__gt=now - PAUSE)
    people = list(owners.exclude(recently).select_related("preference").order_by("pk")[:MOST_PEOPLE])
    if not people:
        return 0
    office, on_call = _in_office(now), _on_call(now)
    return sum(_remind(each, now) for each in people if office or each.pk in on_call)


def _waiting(now: datetime) -> "QuerySet[Alert]":
    """Open for a while, or past its time limit, and somebody's."""
    unacknowledged = Q(status=AlertStatus.OPEN, created_at__lt=now - PATIENCE)
    rows = Alert.objects.filter(assignee__isnull=False).exclude(status=AlertStatus.CLOSED)
    return rows.filter(unacknowledged | overdue(now))


def _in_office(now: datetime) -> bool:
    local = now.astimezone(ZONE)
    days = WorkingDays.between(local.date(), local.date())
    return days.is_working(local.date()) and OPENS <= local.time() < CLOSES


def _on_call(now: datetime) -> set[int]:
    shifts = (on_call_at(each, now) for each in OnCallSchedule.objects.filter(enabled=True))
    return {shift.staff.pk for shift in shifts if shift.staff}


def _remind(staff: Staff, now: datetime) -> bool:
    wanted, today = preference_of(staff), now.astimezone(ZONE).date()
    done = wanted.reminded if wanted.reminded_on == today else 0
    alerts = list(
        _waiting(now).filter(assignee=staff).order_by("severity", "due_at", "pk")[: MOST_LISTED + 1]
    )
    quiet = gravest(alerts) != "critical" and speaks_at(wanted, now) > now
    config_id = config_of(staff)
    if done >= wanted.reminders or not alerts or quiet or config_id is None or allowance(config_id).scarce:
        return False
    text = _text(alerts, _waiting(now).filter(assignee=staff).count(), now)
    with transaction.atomic():
        row, _ = NotificationPreference.objects.get_or_create(staff=staff)
        mine = NotificationPreference.objects.filter(pk=row.pk, reminded_at=wanted.reminded_at)
        if not mine.update(reminded_on=today, reminded=done + 1, reminded_at=now):
            return False  # another worker's
        return tell(staff, "待处理的告警", text, key=f"reminder:{staff.pk}:{today}:{done + 1}")


def _text(alerts: Sequence[Alert], number: int, now: datetime) -> str:
    lines = [f"⏰ **您负责的告警还有 {number} 条没有确认或已超时**", ""]
    lines += [
        f"- {MARKS[each.severity]} {links.code('alert', each.pk)} {plain(each.title, 60)}（{AlertStatus(each.status).label}"
        f"{'，已超时' if is_overdue(each, now) else ''}）"
        for each in alerts[:MOST_LISTED]
    ]
    rest = number - MOST_LISTED
    return "\n".join([*lines, *([f"- 还有 {rest} 条"] if rest > 0 else []), "", f"回复：{_next(alerts[0])}"])


def _next(alert: Alert) -> Suggestion:
    """What can be said about it: one that is acknowledged already is not acknowledged again."""
    return says.acknowledge(alert.pk) if alert.status == AlertStatus.OPEN else says.show(alert.pk)
