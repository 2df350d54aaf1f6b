"""Handover: what is open, what waits, what happened, told when somebody else comes on call."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Count, F

from bifang.channels.allowance import allowance
from bifang.channels.ports import ReplyTarget
from bifang.channels.queues import outbox
from bifang.channels.text.markup import plain
from bifang.core.database.db import database_now
from secops_agent.models import (
    Alert,
    AlertMessage,
    NotificationTarget,
    OnCallSchedule,
    Proposal,
    ProposalState,
    Risk,
    Staff,
    TargetKind,
)
from secops_agent.models.choices import AlertStatus, Severity
from secops_agent.services import links
from secops_agent.services.alerts.queries.clocks import within
from secops_agent.services.alerts.queries.filters import ordered
from secops_agent.services.notifications import silences
from secops_agent.services.notifications.delivery.wording import MARKS
from secops_agent.services.notifications.targets import Unreachable, resolve
from secops_agent.services.on_call.shifts import ZONE, Shift, on_call_at
from secops_agent.services.people.messages import config_of
from secops_agent.services.sla import is_overdue, overdue

SOON: Final = timedelta(hours=24)
MOST_LISTED: Final = 5
_Place = tuple[int, ReplyTarget]


def step() -> int:
    """Hand over where somebody else is on call now; returns how many schedules. Raises DatabaseError."""
    rows = OnCallSchedule.objects.filter(enabled=True).select_related("holder", "handover_config")
    now = database_now()
    return sum(_look(row, now) for row in rows)


def _look(row: OnCallSchedule, now: datetime) -> bool:
    shift = on_call_at(row, now)
    incoming = shift.staff
    if row.held_since is not None and row.holder_id == (incoming.pk if incoming else None):
        return False
    first = row.held_since is None
    told = row.handover_message and not first
    text = handover_text(row, shift, row.held_since or now, now) if told else ""
    places = list(_places(row, incoming, now)) if told else []
    with transaction.atomic():
        mine = OnCallSchedule.objects.filter(pk=row.pk, holder=row.holder, held_since=row.held_since)
        if not mine.update(holder=incoming, held_since=now):
            return False  # another worker's
        for place in places:
            _tell(row, place, text, now)
    return not first


def _places(row: OnCallSchedule, incoming: Staff | None, now: datetime) -> Iterator[_Place]:
    for staff in (incoming, row.holder):
        if staff is not None and staff.acts and (config_id := config_of(staff)) is not None:
            yield config_id, ReplyTarget("", is_group=False, staff_id=staff.staff_id)
    if row.handover_group:
        group = NotificationTarget(
            kind=TargetKind.GROUP, config=row.handover_config, conversation_id=row.handover_group
        )
        with suppress(Unreachable):
            address = resolve(group, now)
            yield address.config_id, address.target


def _tell(row: OnCallSchedule, place: _Place, text: str, now: datetime) -> None:
    """Unasked, so that the quota may hold it back: it is counted, and the next one says so."""
    config_id, target = place
    schedule = OnCallSchedule.objects.filter(pk=row.pk)
    if allowance(config_id).scarce:
        schedule.update(handovers_held=F("handovers_held") + 1)
        return
    if row.handovers_held:
        schedule.update(handovers_held=0)
    key = f"handover:{row.pk}:{now.timestamp():.0f}:{target.staff_id or target.conversation_id}"
    outbox.notify(config_id, target, text, key=key[:100], title=f"值班交接 {row.name}")


def handover_text(row: OnCallSchedule, shift: Shift, since: datetime, now: datetime) -> str:
    """What both have to know, as numbers; the first line says who it is now."""
    before = row.holder.name if row.holder else on_call_at(row, since).who
    names = [plain(each, 40) for each in (before, shift.who)]
    alerts = Alert.objects.exclude(status=AlertStatus.CLOSED)
    late, soon = (
        alerts.filter(overdue(now)).count(),
        alerts.filter(due_at__gt=now, due_at__lte=now + SOON).count(),
    )
    lines = [
        f"🔁 **值班交接 · {plain(row.name, 60)}**　{names[0]} → **{names[1]}**",
        "",
        f"- 未关闭：{_levels()}",
        f"- 处理时限：已超时 {late}，24 小时内到期 {soon}",
        f"- 待审批：{_waiting(now)}",
        f"- 生效中的静默：{len(silences.active(now))}",
        f"- 本班（{since.astimezone(ZONE):%m-%d %H:%M} 起）：{_happened(since)}",
        *(_gravest(now)),
    ]
    if row.handovers_held:
        lines += ["", f"额度所限，此前有 {row.handovers_held} 条交接消息没有发送。"]
    return "\n".join(lines)


def _levels() -> str:
    rows = Alert.objects.exclude(status=AlertStatus.CLOSED).order_by().values_list("severity")
    counted = dict(rows.annotate(number=Count("pk")))
    found = [
        f"{MARKS[key]} {Severity(key).label} {counted[key]}" for key in Severity.values if key in counted
    ]
    return "、".join(found) or "没有"


def _waiting(now: datetime) -> int:
    rows = Proposal.objects.filter(state=ProposalState.PROPOSED, risk=Risk.DANGEROUS, expires_at__gt=now)
    return rows.count()


def _happened(since: datetime) -> str:
    fresh, closed = (Alert.objects.filter(within(clock, since, None)).count() for clock in ("new", "closed"))
    escalated = AlertMessage.objects.filter(kind="escalation", opened_at__gte=since)
    number = escalated.values("alerts").distinct().count()
    return f"新增 {fresh}，关闭 {closed}，升级 {number}"


def _gravest(now: datetime) -> list[str]:
    """The open ones that come first."""
    rows = Alert.objects.exclude(status=AlertStatus.CLOSED).filter(severity__in=("critical", "high"))
    rows = ordered(rows.select_related("assignee", "case__owner"), "urgent")
    listed = [
        f"- {MARKS[each.severity]} {links.code('alert', each.pk)} {plain(each.title, 60)}"
        f"（{each.handler.name if each.handler else '未分配'}{'，已超时' if is_overdue(each, now) else ''}）"
        for each in rows[:MOST_LISTED]
    ]
    return ["", *listed] if listed else []
