"""Summaries of a silence: what it held back is told once a day while it lasts, and at its end."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from bifang.channels.allowance import allowance
from bifang.channels.queues import outbox
from bifang.channels.text.markup import plain
from bifang.core.database.db import database_now
from bifang.core.database.rows import lock_idle
from secops_agent import says
from secops_agent.models import (
    Alert,
    AlertMessage,
    AlertMessageItem,
    MessageState,
    Silence,
)
from secops_agent.models.choices import AlertStatus, Severity
from secops_agent.services import links
from secops_agent.services.clock import clock
from secops_agent.services.notifications.delivery import digests, progress, reaching, wording
from secops_agent.services.notifications.targets import Address, means_of
from secops_agent.services.people.messages import tell

DAILY: Final = timedelta(days=1)
ROUND: Final = 20
_MOST_LISTED: Final = 5


def line_of(silence: Silence, row: AlertMessage, now: datetime) -> AlertMessage:
    """The line that will tell of a message that the silence holds back. In the caller's transaction.

    It has one thing more to tell than it counts, its end; so it is due until that is told.
    """
    lines = AlertMessage.objects.filter(silence=silence, destination=row.destination, kind="silence")
    return lines.exclude(state=MessageState.ENDED).first() or AlertMessage.objects.create(
        target_id=row.target_id, staff=row.staff, destination=row.destination, group_key="silence", kind="silence", silence=silence,
        opened_at=now, due_at=min(silence.ends_at, now + DAILY), reason=f"静默「{silence}」期间留存的消息"[:300],
    )  # fmt: skip


def tell_silences() -> int:
    """Tell the lines that are due; returns how many. Raises DatabaseError."""
    now = database_now()
    due = progress.due(now).filter(kind="silence").select_related("silence__maker")
    if not due.exists():
        return 0
    with transaction.atomic():
        return sum(_tell(row, now) for row in list(lock_idle(due)[:ROUND]))


def _tell(row: AlertMessage, now: datetime) -> bool:
    silence, alerts = row.silence, _alerts_of(AlertMessage.objects.filter(pk=row.pk))
    if silence is None or not alerts:
        _mark(row, now, ended=True, shown=row.wanted)
        return False
    ended = silence.ends_at <= now
    number = row.wanted if ended else row.wanted - 1
    if number <= row.shown:  # nothing new today
        _mark(row, now, ended=False, shown=row.shown)
        return False
    spare = allowance(row.target.config_id, means_of(row.target))
    if spare.scarce and wording.gravest(alerts) != "critical":
        if ended:
            _follow_again(row)
            digests.hold(row, spare, now)
        else:
            _mark(row, now, ended=False, shown=row.shown)
        return ended
    address = reaching.address_of(row, now)
    if address is None:
        return False
    _send(row, silence, alerts, address, number, now)
    _mark(row, now, ended=ended, shown=number)
    return True


def _send(
    row: AlertMessage, silence: Silence, alerts: Sequence[Alert], address: Address, number: int, now: datetime
) -> None:
    title, text = _text(silence, alerts, now)
    key = f"alert:{row.pk}:{number}"
    outbox.notify(address.config_id, address.target, text, key=key, title=title)
    AlertMessage.objects.filter(pk=row.pk).update(sent_at=now)
    maker = silence.maker
    if maker is None or not maker.active or maker.staff_id == address.target.staff_id:
        return
    all_held = _alerts_of(AlertMessage.objects.filter(silence=silence, kind="silence"))
    title, text = _text(silence, all_held, now)
    key = f"silence:{silence.pk}:{'end' if silence.ends_at <= now else timezone.localdate(now)}"
    tell(maker, title, text, key=key)  # once, whichever line comes first


def _mark(row: AlertMessage, now: datetime, *, ended: bool, shown: int) -> None:
    if ended:
        _follow_again(row)
    later = min(row.silence.ends_at, now + DAILY) if row.silence and not ended else now
    state = MessageState.ENDED if ended else MessageState.WAITING
    AlertMessage.objects.filter(pk=row.pk).update(state=state, shown=shown, due_at=later)


def _follow_again(row: AlertMessage) -> None:
    """What had been told before the silence is followed up as before."""
    held = AlertMessage.objects.filter(summary=row, state=MessageState.HELD, sent_at__isnull=False)
    held.update(state=MessageState.SHOWN, reason="")


def _alerts_of(lines: "QuerySet[AlertMessage]") -> list[Alert]:
    held = AlertMessageItem.objects.filter(message__summary__in=lines).exclude(
        message__state=MessageState.SHOWN  # told since then: it became graver
    )
    return list(Alert.objects.filter(pk__in=held.values("alert_id")).order_by("pk"))


def _text(silence: Silence, alerts: Sequence[Alert], now: datetime) -> tuple[str, str]:
    """Title and text: how many by severity, and the worst that are still open."""
    until = clock(silence.ends_at)
    name = f"静默「{plain(str(silence), 60)}」"
    title = f"{name}已结束" if silence.ends_at <= now else f"{name}还在继续，到 {until}"
    left = [each for each in alerts if each.status != AlertStatus.CLOSED]
    order = list(Severity.values)
    worst = sorted(left, key=lambda each: (order.index(each.severity), each.pk))[:_MOST_LISTED]
    lines = [
        f"**{title}**",
        "",
        f"- 设置人：{plain(silence.made_by, 30)}"
        + (f"，原因：{plain(silence.reason, 100)}" if silence.reason else ""),
        f"- 期间没有发送：{len(alerts)} 条告警（{_levels(alerts)}）",
        f"- 仍未关闭：{len(left)} 条" if left else "- 都已关闭",
        *(
            f"- {wording.MARKS[each.severity]} {links.code('alert', each.pk)} {plain(each.title, 60)}"
            for each in worst
        ),
    ]
    return title, "\n".join([*lines, *(["", f"发送「{says.ALERTS}」查看列表。"] if left else [])])


def _levels(alerts: Sequence[Alert]) -> str:
    counted = Counter(each.severity for each in alerts)
    return "、".join(f"{Severity(name).label} {counted[name]}" for name in Severity.values if counted[name])
