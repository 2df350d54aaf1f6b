"""Unreachable targets: shown with the remedy, tried again with one message at a time, sound again by themselves.

What DingTalk refuses (the robot was removed, the person is gone, a keyword is missing, the quota is used up) is known from
the outbox; what leads nowhere (a configuration is off, nobody is on call) when a target is resolved. Whoever was to hear of
something grave is replaced at once: by the next step of the rule, at last by the administrators.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest

from bifang.channels.models import OutboxRow, State
from bifang.channels.queues import outbox
from bifang.channels.queues.targets import target_key
from bifang.core.changes import Change
from bifang.core.database.db import database_now
from secops_agent.models import AlertMessage, Escalation, MessageState, NotificationTarget, TargetKind
from secops_agent.models.choices import AlertStatus, Severity
from secops_agent.services.chats import platforms
from secops_agent.services.notifications.calls import FAILED
from secops_agent.services.notifications.targets import (
    Address,
    Unreachable,
    destination,
    private_address,
    resolve,
    same_place,
)
from secops_agent.services.people.messages import speaker_for

RETRY: Final = timedelta(minutes=5)
ROBOT_RETRY: Final = timedelta(minutes=11)  # a blocked robot is blocked for ten
LONGEST: Final = timedelta(hours=1)
LATELY: Final = timedelta(minutes=10)  # asked every second: not about every dead letter there ever was
KEPT: Final = timedelta(days=30)  # after which nobody waits for it any more
MOST_TRIES: Final = 20  # of one message; what it says may be the trouble
LOOKED_AT: Final = 50
MOST_SETTLED: Final = 500  # of the newest dead letters
UNREACHED: Final = (MessageState.UNDELIVERABLE, MessageState.UNKNOWN)
UNASKED: Final = ("group", "private", "card", "robot")  # routes that prove a target to be reached


def address_of(row: AlertMessage, now: datetime) -> Address | None:
    """Where a message goes now; None if nowhere, then it waits and that is shown."""
    try:
        address = _resolve(row, now)
    except Unreachable as error:
        put_off(row, error.message, now)
        return None
    if _is_there(row) and not may_try(row.target, now):
        put_off(row, "", now)
        return None
    if row.target.last_error and row.target.next_try_at is None:
        clear(row.target, now)
    return address


def _resolve(row: AlertMessage, now: datetime) -> Address:
    """Somebody of several at the target, or an administrator in its place, whose way need not be the target's."""
    if row.staff is None or row.target.kind == TargetKind.ROLE:
        return resolve(row.target, now, row.staff)
    if not row.staff.acts:
        raise Unreachable(f"「{row.staff}」已离开，或登录已停用。")
    speaker = speaker_for(row.staff, row.target.config)
    if speaker is None:
        raise Unreachable(
            f"没有启用了通知的{platforms()}配置可以联系「{row.staff}」：请在系统配置中启用一个。"
        )
    return private_address(speaker, row.staff)


def _is_there(row: AlertMessage) -> bool:
    """Is it told at its target? What is told elsewhere because of a target says nothing of it."""
    return row.destination == destination(row.target)


def may_try(target: NotificationTarget, now: datetime) -> bool:
    """May a message go out to it? While it refuses, one does from time to time; whoever asks first has it."""
    if target.next_try_at is None:
        return True
    due = NotificationTarget.objects.filter(pk=target.pk, next_try_at__lte=now)
    return bool(due.update(next_try_at=now + _pause(target, now)))


def _pause(target: NotificationTarget, now: datetime) -> timedelta:
    """Longer and longer: as long again as it has refused already."""
    least = ROBOT_RETRY if target.kind == TargetKind.WEBHOOK else RETRY
    return min(max(least, now - (target.last_error_at or now)), LONGEST)


def put_off(row: AlertMessage, reason: str, now: datetime) -> None:
    """It leads nowhere now, or refuses: nothing is dropped."""
    target = row.target
    due = max(target.next_try_at or now + RETRY, now + timedelta(seconds=1))
    AlertMessage.objects.filter(pk=row.pk).update(
        state=MessageState.UNDELIVERABLE, reason=(reason or target.last_error)[:300], due_at=due
    )
    if reason:
        _trouble(target, now, last_error=reason)
    replace(row, now)


def clear(target: NotificationTarget, now: datetime) -> None:
    """It is reached again: what waited for it is told."""
    same = same_place(target)
    waiting = AlertMessage.objects.filter(
        target__in=same, state=MessageState.UNDELIVERABLE, wanted__gt=F("shown"), due_at__gt=now
    )
    waiting.update(due_at=now)
    same.update(last_error="", last_error_at=None, next_try_at=None)


def try_again(ids: Collection[int]) -> int:
    """Messages that could not be delivered are told as soon as a worker looks, however often it was tried; returns how
    many. In the caller's transaction."""
    rows = AlertMessage.objects.filter(pk__in=ids, state=MessageState.UNDELIVERABLE)
    for target in NotificationTarget.objects.filter(pk__in=rows.values("target")):
        same_place(target).update(next_try_at=None)
    wanted = Greatest(F("wanted"), F("shown") + 1)
    return rows.update(wanted=wanted, digest="", due_at=database_now())


def look_at_once(change: Change) -> None:
    """Somebody changed a configuration: what could not be reached through it is tried without waiting for its time."""
    kind, _, number = change.subject.partition(":")
    if kind == "config" and number.isdecimal():
        NotificationTarget.objects.filter(config_id=int(number)).update(next_try_at=None)


def heal() -> int:
    """Look whether what could not be reached can be; returns how many targets can. Raises DatabaseError."""
    troubled = NotificationTarget.objects.exclude(last_error="").select_related("config", "staff", "schedule")
    now = database_now()
    return sum(_heal(target, now) for target in troubled.order_by("last_error_at")[:LOOKED_AT])


def _heal(target: NotificationTarget, now: datetime) -> bool:
    try:
        address = resolve(target, now)
    except Unreachable as error:
        if error.message != target.last_error:
            same_place(target).update(last_error=error.message)
        return False
    if target.next_try_at is not None:
        key = target_key(address.config_id, address.target)
        sent = OutboxRow.objects.filter(order_key=key, state=State.DONE, route__in=UNASKED)
        if not sent.filter(sent_at__gt=target.last_error_at or now).exists():
            return False
    with transaction.atomic():
        clear(target, now)
    return True


def catch_up() -> int:
    """What became of messages while no worker ran: one that starts asks once. As `note_failures`."""
    return note_failures(KEPT)


def note_failures(past: timedelta = LATELY) -> int:
    """Messages that the outbox gave up, or does not know the outcome of: shown on them. Returns how many."""
    now = database_now()
    over = OutboxRow.objects.filter(state__in=(State.DEAD, State.UNKNOWN), last_error_at__gt=now - past)
    told = over.filter(key__startswith="note:alert:")
    known = {
        _named(key): (state, reason) for key, state, reason in told.values_list("key", "state", "last_error")
    }
    rows = AlertMessage.objects.filter(
        pk__in={pk for pk, _ in known}, state__in=(MessageState.SHOWN, MessageState.ENDED)
    )
    fresh = [each for each in rows.values_list("pk", "shown") if each in known]
    return sum(_note(*each, *known[each], now) for each in fresh)


def settle_dead_letters() -> int:
    """What was given up and has arrived since with a later message of the same is no dead letter any more; returns how many."""
    rows = OutboxRow.objects.filter(state=State.DEAD, key__startswith="note:alert:").order_by("-pk")
    dead = {pk: _named(key) for pk, key in rows.values_list("pk", "key")[:MOST_SETTLED]}
    shown = AlertMessage.objects.filter(pk__in={message for message, _ in dead.values()})
    last = {f"note:alert:{pk}:{number}": pk for pk, number in shown.values_list("pk", "shown")}
    arrived = OutboxRow.objects.filter(key__in=last, state=State.DONE).values_list("key", flat=True)
    told = dict(map(_named, arrived))
    return outbox.supersede([pk for pk, (message, number) in dead.items() if told.get(message, 0) > number])


def _named(key: str) -> tuple[int, int]:
    """The message, and how much of it was told."""
    pk, wanted = key.split(":")[2:4]
    return int(pk), int(wanted)


def _note(pk: int, wanted: int, state: str, reason: str, now: datetime) -> bool:
    rows = AlertMessage.objects.filter(
        pk=pk, shown=wanted, state__in=(MessageState.SHOWN, MessageState.ENDED)
    )
    row = rows.select_related("target").first()
    if row is None:
        return False
    with transaction.atomic():
        if state == State.UNKNOWN:
            won = rows.update(state=MessageState.UNKNOWN, reason=reason[:300])
        else:
            won = rows.update(state=MessageState.UNDELIVERABLE, reason=reason[:300], **_again(row, now))
            if won and _is_there(row):
                _refused(row.target, reason, now)
        if won:
            replace(row, now)
    return bool(won)


def _again(row: AlertMessage, now: datetime) -> dict[str, object]:
    """It is to be told again, behind the others that wait; not for ever."""
    tried = OutboxRow.objects.filter(key__startswith=f"note:alert:{row.pk}:", state=State.DEAD).count()
    if tried >= MOST_TRIES:
        return {}
    return {
        "wanted": F("wanted") + 1,
        "digest": "",
        "due_at": now + _pause(row.target, now) + timedelta(seconds=1),
    }


def _refused(target: NotificationTarget, reason: str, now: datetime) -> None:
    """DingTalk refused: it is tried more and more rarely."""
    _trouble(target, now, last_error=reason, next_try_at=now + _pause(target, now))


def _trouble(target: NotificationTarget, now: datetime, **columns: object) -> None:
    """Since when is kept."""
    same = same_place(target)
    same.update(**columns)
    same.filter(last_error_at=None).update(last_error_at=now)


def replace(row: AlertMessage, now: datetime) -> None:
    """Whoever comes next does not wait for his time; for what is grave the administrators come after the last one."""
    if row.burst:
        for each in AlertMessage.objects.filter(summary=row, state=MessageState.HELD).select_related(
            "target"
        ):
            replace(each, now)
        return
    alerts = row.alerts.filter(severity=Severity.CRITICAL).exclude(status=AlertStatus.CLOSED)
    grave = row.kind in ("group", "escalation") and alerts.exists()
    if row.kind == "group":
        row.escalations.filter(step=0, next_at__gt=now).update(next_at=now)
        if grave and not row.escalations.exists():
            Escalation.objects.create(rule_id=row.target.rule_id, message=row, next_at=now)
    if row.kind == "escalation" and row.target.step is not None and not _others_reached(row):
        following = Escalation.objects.filter(
            rule_id=row.target.rule_id, message__group_key=row.group_key, step=row.target.step + 1
        ).order_by("-pk")
        last = following.values_list("pk", flat=True).first()
        mine = Escalation.objects.filter(pk__in=[] if last is None else [last])
        mine.filter(next_at__gt=now).update(next_at=now)
        if grave:
            mine.filter(next_at=None).update(next_at=now, ended="")


def _others_reached(row: AlertMessage) -> bool:
    """Did somebody else of the same step hear of it?"""
    beside = AlertMessage.objects.filter(
        kind="escalation", group_key=row.group_key, target__rule=row.target.rule_id, target__step=row.target.step,
        opened_at=row.opened_at,
    ).exclude(pk=row.pk)  # fmt: skip
    beside = beside.exclude(calls__state__in=FAILED)
    return beside.exclude(state__in=UNREACHED).exclude(summary__state__in=UNREACHED).exists()
