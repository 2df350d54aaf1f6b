"""Delivery of a run's result: to the outbox, in the transaction of its end; held while it cannot, and told then.

Unasked: at the end of the quota, and while 不主动说话 is on, a result waits, and of several that wait the newest of each task is sent.
"""

from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils import timezone

from bifang.channels.allowance import allowance
from bifang.channels.models import OutboxRow, State
from bifang.channels.ports import FileToSend
from bifang.channels.queues import outbox
from bifang.channels.text.markup import plain
from secops_agent.models import Role, RunState, ScheduledTask, TaskRun
from secops_agent.models.automation.schedule import REMINDER
from secops_agent.services.notifications.targets import Address, Unreachable, resolve
from secops_agent.services.people.messages import no_place
from secops_agent.services.people.words import AN_HOUR, UNREADABLE, told_lately
from secops_agent.services.schedules.schedules import destination_of, fault_of, is_own, told_when
from secops_agent.services.switches import NO_SPEECH, SILENT, read_switches

LONGEST: Final = 2600  # characters; a message has at most 3,000, some of which say what sends it
REPLACED: Final = "没有发送：后来的一次代替了它"


def deliver(run: TaskRun, now: datetime) -> bool:
    """Send the text of a run that is held, in the caller's transaction; False: it stays held, with the reason, or its owner may say nothing
    any more."""
    target = destination_of(run.task)
    if not run.text or target is None:
        return _end(run)
    if fault := fault_of(run.task):
        return _drop(run, fault)
    if NO_SPEECH in read_switches():
        return _hold(run, SILENT, now)
    try:
        address = resolve(target, now)
    except Unreachable as error:
        return _hold(run, error.message, now)
    spare = allowance(address.config_id)
    if spare.scarce:
        return _hold(run, f"额度所限，恢复后发送：{spare.reason}", now)
    if reason := _unfit(run.task, address):
        return _hold(run, reason, now)
    _say(run, address, run.text, f"report:{run.pk}")
    if run.file is not None:
        file = FileToSend(run.file_name, bytes(run.file))
        key = f"report:{run.pk}:file"
        outbox.notify(address.config_id, address.target, no_place(file), key=key, file=file)
    return _end(run)


def _unfit(task: ScheduledTask, address: Address) -> str:
    """Why it is not told them now; "" if it may be."""
    if task.task != REMINDER:
        unread = address.staff is not None and address.staff.role == Role.NONE
        return UNREADABLE.format(address.name) if unread else ""
    often = task.owner is not None and not is_own(task) and told_lately(task.owner) >= AN_HOUR
    return f"一小时内最多代发 {AN_HOUR} 条，之后发送" if often else ""


def _drop(run: TaskRun, reason: str) -> bool:
    TaskRun.objects.filter(pk=run.pk, state=RunState.HELD).update(
        state=RunState.FAILED, error=reason, file=None
    )
    ScheduledTask.objects.filter(pk=run.task_id).update(last_error=reason, last_error_at=timezone.now())
    return False


def _end(run: TaskRun) -> bool:
    won = TaskRun.objects.filter(pk=run.pk, state=RunState.HELD).update(
        state=RunState.DONE, error="", file=None
    )
    ScheduledTask.objects.filter(pk=run.task_id).exclude(last_error="").update(
        last_error="", last_error_at=None
    )
    return bool(won)


def _hold(run: TaskRun, reason: str, now: datetime) -> bool:
    TaskRun.objects.filter(pk=run.pk, state=RunState.HELD).exclude(error=reason).update(error=reason)
    rows = ScheduledTask.objects.filter(pk=run.task_id).exclude(last_error=reason)
    rows.update(last_error=reason, last_error_at=now)
    return False


def _say(run: TaskRun, address: Address, text: str, key: str, name: str = "") -> None:
    """With what says it, so that whoever reads it can have it stopped. ``name``: what it is called, where not by its own."""
    text = f"{text}\n\n> 定时任务 {run.task_id} · {told_when(run.task)}"
    outbox.notify(
        address.config_id, address.target, text, key=key, title=f"定时任务：{name or plain(run.task.name)}"
    )


def release(now: datetime) -> int:
    """Send what was held and can be sent now; returns how many."""
    held = TaskRun.objects.filter(state=RunState.HELD).order_by("task_id", "-id")
    held = held.select_related("task__config", "task__staff", "task__rota", "task__owner__user")
    sent, newest = 0, 0
    for run in held:
        with transaction.atomic():
            if run.task_id == newest:
                rows = TaskRun.objects.filter(pk=run.pk, state=RunState.HELD)
                rows.update(state=RunState.DONE, error="", note=REPLACED, file=None)
            else:
                sent += deliver(run, now)
        newest = run.task_id
    return sent


def tell_failure(run: TaskRun, message: str, now: datetime) -> None:
    """Whoever waits for the result hears why there is none, if they can be told."""
    target = destination_of(run.task)
    try:
        address = resolve(target, now) if target else None
    except Unreachable:
        return
    if address and not allowance(address.config_id).scarce:
        text = f"**定时任务 {run.task_id} 没有执行成功**\n\n{plain(message, 300)}"
        _say(run, address, text, f"report:{run.pk}:failed", str(run.task_id))


def sending_of(run: TaskRun) -> str:
    """What became of its message, in words; "" if there is none."""
    keys = [f"note:report:{run.pk}{part}" for part in ("", ":file", ":failed")]
    rows = OutboxRow.objects.filter(key__in=keys).order_by("pk")
    told = {"文件" if row.file_name else "": row for row in rows}
    if len({row.standing for row in told.values()}) == 1:
        told = dict(list(told.items())[:1])
    return "，".join(f"{what}{row.standing}{_why(row)}" for what, row in told.items())


def _why(row: OutboxRow) -> str:
    return f"：{row.last_error}" if row.last_error and row.state != State.DONE else ""
