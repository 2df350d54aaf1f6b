"""Calling: what an escalation has to ring somebody for, taken by the worker that does it, and what came of it.

A call is stored as being made before the platform is asked, and asked for once: whoever dies in between leaves a call
whose outcome is unknown, and that is not made again. What was not made, or nobody knows, starts the rule's next step.
"""

import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from bifang.channels.cards.repository import remote_of
from bifang.channels.models import OutboxRow, State
from bifang.channels.ports import ReplyTarget
from bifang.channels.queues import outbox
from bifang.channels.queues.claims import Remit
from bifang.core.database.db import database_now
from bifang.core.database.rows import lock_idle
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent import says
from secops_agent.models import (
    CALL_COUNTED,
    CALLED_LATER,
    Alert,
    AlertMessage,
    CallState,
    MessageState,
    Staff,
    TargetKind,
    WakeCall,
)
from secops_agent.models.choices import AlertStatus
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.chats import speaks
from secops_agent.services.notifications import calls, preferences
from secops_agent.services.notifications.delivery import reaching, wording
from secops_agent.services.notifications.matching import follow_up
from secops_agent.services.notifications.targets import Address
from secops_agent.services.people.applications import reached_by
from secops_agent.services.people.messages import speaker_for
from secops_agent.services.privacy import mask_alerts
from secops_agent.services.switches import NO_ACTIONS, NO_SPEECH, read_switches

ROOM: Final = 8  # calls at a time
TRIALS: Final = 3  # of one person
TRIAL_DAY: Final = timedelta(days=1)
PAUSE: Final = timedelta(minutes=5)  # one person's telephone rings once for all that escalates meanwhile
LOST: Final = timedelta(seconds=45)  # longer than a call may take: its worker died
LONGEST_WAIT: Final = timedelta(minutes=3)  # for the message that 加急 goes with
RECALLED: Final = timedelta(days=1)
MOST_TRIES: Final = 3
DIED: Final = "工作进程在呼叫时中断，不知道叫到没有；为免重复没有再叫。"


@dataclass(frozen=True, slots=True)
class CallOrder:
    """A call to make. ``message_id``: the platform's id of the message that it goes with, where it needs one."""

    pk: int
    config_id: int
    means: str
    account: str
    text: str
    message_id: str = ""
    receipt: str = ""
    name: str = ""


def plan(row: AlertMessage, address: Address, key: str, alerts: tuple[Alert, ...], now: datetime) -> bool:
    """Have the reader of an escalation, or who is told by telephone only, called in the transaction that tells him: once for a message."""
    escalated, by_phone = row.kind == "escalation", row.target.kind == TargetKind.GATEWAY
    staff, wanted = address.staff, row.target.by if escalated or by_phone else ""
    if not wanted or staff is None or row.staff_id or WakeCall.objects.filter(message=row).exists():
        return False
    means = calls.permitted(wanted, preferences.preference_of(staff).calls)
    if means:
        why = "，没有人处理" if escalated else ""
        text = f"毕方：{wording.title_of(alerts)}{why}。请回复「{says.acknowledge(alerts[0].pk)}」。"
        text = mask_alerts(text, [each.pk for each in alerts]) if address.hides_private else text
        _add(address.config_id, staff, address.target.staff_id, means, f"note:{key}", text, now, row)
    return bool(means)


def _add(
    config_id: int, staff: Staff, account: str, means: str, key: str, text: str, now: datetime, row: AlertMessage | None
) -> WakeCall:  # fmt: skip
    return WakeCall.objects.create(
        config_id=config_id, staff=staff, account=account, means=means, key=key, text=text[:500], created_at=now,
        due_at=now, message=row, reason=CALLED_LATER if _stopped() else "",
    )  # fmt: skip


def try_out(staff: Staff, means: str, actor: Actor) -> WakeCall:
    """A call to see that it works; for the person and superusers only, which the doors see to. Raises InvalidInput."""
    tried = WakeCall.objects.filter(staff=staff, message=None, created_at__gt=database_now() - TRIAL_DAY)
    if tried.count() >= TRIALS:
        raise InvalidInput(f"一天最多试拨 {TRIALS} 次：公司每天能打的电话有限，要留给告警。")
    speaker = speaker_for(staff)
    account = reached_by(speaker, staff) if speaker else None
    if speaker is None or account is None:
        raise InvalidInput(f"没有启用了通知的聊天配置可以联系「{staff.name}」：请在系统配置中启用一个。")
    if wrong := calls.fits(speaker, means):
        raise InvalidInput(f"{wrong}：请换一种。")
    key, text = f"call:{uuid.uuid4().hex}", "毕方：这是一次试拨，没有告警，不用处理。"
    with transaction.atomic():
        target = ReplyTarget("", is_group=False, staff_id=account.staff_id)
        outbox.notify(speaker.pk, target, text, key=key, title="试拨")
        keep(actor, f"试拨：{staff.name}", f"staff:{staff.pk}", {"means": means})
        return _add(speaker.pk, staff, account.staff_id, means, f"note:{key}", text, database_now(), None)


def take(remit: Remit, means: Collection[str]) -> list[CallOrder]:
    """What is to be called now by these means, stored as being made; what is not to be called any more is settled. Raises DatabaseError."""
    now = database_now()
    waiting = _of(remit, WakeCall.objects.filter(state=CallState.WAITING, due_at__lte=now, means__in=means))
    lost = WakeCall.objects.filter(state=CallState.CALLING, called_at__lt=now - LOST)
    if not waiting.exists() and not lost.exists():  # asked every second: without SQLite's one write lock
        return []
    if _stopped():  # called once the switches are off, where still nobody has taken it
        waiting.filter(reason="").update(reason=CALLED_LATER)
        waiting = waiting.none()
    with transaction.atomic():
        for row in lock_idle(lost.select_related("message__target"))[:ROOM]:
            _settle(row, CallState.UNKNOWN, DIED, now)
        rows = lock_idle(waiting.select_related("config", "staff", "message__target").order_by("pk"))[:ROOM]
        return [order for row in rows for order in _begin(row, now)]


def _stopped() -> bool:
    return bool(read_switches() & {NO_ACTIONS, NO_SPEECH})


def _of(remit: Remit, rows: "QuerySet[WakeCall]") -> "QuerySet[WakeCall]":
    rows = rows.filter(config__kind=remit.kind) if remit.kind else rows
    return rows if remit.config_id is None else rows.filter(config=remit.config_id)


def _begin(row: WakeCall, now: datetime) -> Iterator[CallOrder]:
    message_id, state, why = _message_of(row, now)
    if state is None:
        state, why = _hindrance(row, now)
    if state == CallState.WAITING:
        WakeCall.objects.filter(pk=row.pk).update(due_at=now + timedelta(seconds=1))
    elif state is not None:
        _settle(row, state, why, now)
    else:
        WakeCall.objects.filter(pk=row.pk).update(state=CallState.CALLING, called_at=now, reason="")
        yield CallOrder(
            row.pk, row.config_id, row.means, row.account, row.text, message_id, name=row.staff.name
        )


def _message_of(row: WakeCall, now: datetime) -> tuple[str, CallState | None, str]:
    """加急 goes with a message that has arrived; a DING needs none."""
    if calls.platform_of(row.means) != "feishu":
        return "", None, ""
    said = OutboxRow.objects.filter(key=row.key).first()
    waits = said is not None and said.state not in (State.DONE, State.DEAD, State.UNKNOWN)
    if (
        said is None
        or not (waits or said.state == State.DONE)
        or (waits and now - row.created_at > LONGEST_WAIT)
    ):
        return "", CallState.REFUSED, "要加急的消息没有送达。"
    if waits:
        return "", CallState.WAITING, ""
    found = remote_of(said.receipt) if said.route == "card" else said.receipt
    return (found, None, "") if found else ("", CallState.REFUSED, "不知道要加急的是哪条消息。")


def _hindrance(row: WakeCall, now: datetime) -> tuple[CallState | None, str]:
    if row.message and not row.message.alerts.filter(status=AlertStatus.OPEN).exists():
        return CallState.STOPPED, ""
    if not row.staff.acts:
        return CallState.REFUSED, f"「{row.staff.name}」已离开，或登录已停用。"
    # The limits hold over several workers: one of them counts at a time.
    config = SystemConfig.objects.select_for_update(no_key=True).get(pk=row.config_id)
    if not config.enabled or config.archived_at or not speaks(config):
        return CallState.REFUSED, f"聊天配置「{config.name}」已停用，或没有启用通知。"
    before = WakeCall.objects.filter(staff=row.staff_id, means=row.means, called_at__gt=now - PAUSE)
    if before.filter(state__in=CALL_COUNTED).exists():
        return CallState.JOINED, f"{PAUSE.seconds // 60} 分钟内叫过一次"
    why = calls.refusal(config, row.means, now)
    return (CallState.REFUSED, why) if why else (None, "")


def put_off(order: CallOrder, seconds: float, reason: str) -> None:
    """The platform is busy, and did not call: again in a moment, not for ever."""
    now, rows = database_now(), WakeCall.objects.filter(pk=order.pk, state=CallState.CALLING)
    row = rows.select_related("message__target").first()
    if row is None:
        return
    if row.tries + 1 >= MOST_TRIES:
        settle(order, CallState.REFUSED, reason)
    else:
        rows.update(
            state=CallState.WAITING,
            called_at=None,
            tries=row.tries + 1,
            due_at=now + timedelta(seconds=seconds),
        )


def settle(order: CallOrder, state: CallState, reason: str = "", receipt: str = "") -> None:
    """What came of a call. Raises DatabaseError."""
    with transaction.atomic():
        row = (
            WakeCall.objects.filter(pk=order.pk, state=CallState.CALLING)
            .select_related("message__target")
            .first()
        )
        if row is not None:
            _settle(row, state, reason, database_now(), receipt)


def _settle(row: WakeCall, state: CallState, reason: str, now: datetime, receipt: str = "") -> None:
    """Written down, told on the cards; whoever comes next does not wait where it came to nothing."""
    WakeCall.objects.filter(pk=row.pk).update(state=state, reason=reason[:300], receipt=receipt[:200])
    if row.message is not None:
        if state in calls.FAILED:
            if row.message.target.kind == TargetKind.GATEWAY:
                became = MessageState.UNKNOWN if state == CallState.UNKNOWN else MessageState.UNDELIVERABLE
                AlertMessage.objects.filter(pk=row.message.pk).update(state=became, reason=reason[:300])
            reaching.replace(row.message, now)
        follow_up(list(row.message.alerts.values_list("pk", flat=True)))


def take_recall(remit: Remit, means: Collection[str]) -> CallOrder | None:
    """A DING that nobody need answer any more, asked for once."""
    now = database_now()
    made = WakeCall.objects.filter(state=CallState.MADE, recalled_at=None, called_at__gt=now - RECALLED)
    rows = _of(remit, made.filter(means__in=means)).exclude(receipt="").exclude(message=None)
    row = rows.exclude(message__alerts__status=AlertStatus.OPEN).order_by("pk").first()
    if row is None or not WakeCall.objects.filter(pk=row.pk, recalled_at=None).update(recalled_at=now):
        return None
    return CallOrder(row.pk, row.config_id, row.means, row.account, row.text, receipt=row.receipt)
