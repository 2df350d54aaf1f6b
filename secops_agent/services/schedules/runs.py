"""Runs of scheduled tasks: found when due, claimed by one process, run again when it dies, told once.

A tick a minute finds what is due, by one conditional UPDATE for each task, so that several task processes start it once,
and what was missed while nobody ran is one run, not one for each time. A run is a row; django-q2 only says that there is
one. What it has to say is stored together with its end.
"""

import logging
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from bifang.channels.queues import claims
from bifang.core.database.db import database_now
from bifang.core.processes import process_name
from secops_agent.models import RunState, ScheduledTask, TaskRun
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.faults import Conflict
from secops_agent.services.people.eligibility import staff_of
from secops_agent.services.people.words import AN_HOUR
from secops_agent.services.schedules import delivery
from secops_agent.services.schedules.cron import WORKING, next_runs
from secops_agent.services.schedules.schedules import demand_hands
from secops_agent.services.schedules.tasks import TaskResult

log = logging.getLogger(__name__)
TICK: Final = "secops_agent.services.schedules.runs.tick"
RUNNER: Final = "secops_agent.tasks.runner.run_next_task"
LONGEST: Final = timedelta(hours=2)  # that one run may take
ATTEMPTS: Final = 3
PAUSE: Final = timedelta(minutes=10)  # before what failed for a while is tried again


def tick() -> str:
    """What the task processes do every minute. Returns what was started, for their log."""
    now = timezone.now()
    recover()
    follow_calendar(now)
    started = start_due(now)
    sent = delivery.release(now)
    if waiting(now).exists():
        nudge()
    return f"开始 {started}，补发 {sent}"


def follow_calendar(now: datetime) -> None:
    """A holiday or 调休 that became known since moves the next run on working days."""
    rows = ScheduledTask.objects.filter(enabled=True, cron__endswith=f" {WORKING}")
    for row in rows:
        before = row.next_at if row.next_at and row.next_at <= now else now
        following = next(iter(next_runs(row.cron, before - timedelta(seconds=1), 1)), None)
        if following != row.next_at:
            ScheduledTask.objects.filter(pk=row.pk, next_at=row.next_at).update(next_at=following)


def start_due(now: datetime) -> int:
    """Queue a run for each task that is due; returns how many."""
    due = ScheduledTask.objects.filter(enabled=True, next_at__lte=now)
    return sum(_start(row, now) for row in due)


def _start(row: ScheduledTask, now: datetime) -> bool:
    """Of those who see that it is due, one starts it."""
    assert row.next_at is not None  # what is due has a time
    following = None if row.once else next(iter(next_runs(row.cron, now, 1)), None)
    with transaction.atomic():
        won = ScheduledTask.objects.filter(pk=row.pk, enabled=True, next_at=row.next_at).update(
            next_at=following, enabled=not row.once
        )
        if won:
            TaskRun.objects.get_or_create(task=row, due_at=row.next_at)
    return bool(won)


def start_now(row: ScheduledTask, actor: Actor) -> TaskRun:
    """One more run, besides those of its times; the one that waits already, if one does. Raises InvalidInput for what is not the actor's to
    repeat, and Conflict for what was done often enough within the hour."""
    demand_hands(row, actor, staff_of(actor))
    if row.kind and row.runs.filter(due_at__gt=timezone.now() - timedelta(hours=1)).count() >= AN_HOUR:
        raise Conflict(f"这个定时任务一小时内已执行 {AN_HOUR} 次，请过一会儿再试。")
    with transaction.atomic():
        run = row.runs.filter(state=RunState.QUEUED).first()
        if run is None:
            run = TaskRun.objects.create(task=row, due_at=timezone.now())
        TaskRun.objects.filter(pk=run.pk).update(not_before=None)
        keep(actor, f"执行定时任务「{row.name}」", f"schedule:{row.pk}", {"name": row.name})
        transaction.on_commit(nudge)
    return run


def nudge() -> None:
    """Tell the cluster that there is work. A failure is mended by the next tick."""
    from django_q.tasks import async_task  # reads its settings when it is imported

    options = {
        "task_name": "定时任务",
        "group": "定时任务",
        "timeout": int(LONGEST.total_seconds()),
        "save": False,
    }
    try:
        async_task(RUNNER, q_options=options)
    except (DatabaseError, OSError) as error:
        log.warning("无法通知后台任务进程，定时任务会稍后执行：%s", error)


def waiting(now: datetime) -> "QuerySet[TaskRun]":
    """Runs that nobody has taken, and whose time has come."""
    rows = TaskRun.objects.filter(Q(not_before=None) | Q(not_before__lte=now), state=RunState.QUEUED)
    return rows.order_by("id")


def take() -> TaskRun | None:
    """The oldest waiting run becomes this process's; None if there is none."""
    due, given = "(r.not_before IS NULL OR r.not_before <= %s)", [database_now()]
    columns = ("task__config", "task__staff", "task__rota", "task__owner__user")
    for run in claims.claim(TaskRun, process_name(), 1, where=due, given=given, hold=LONGEST, count_try=True):
        claims.of(run).update(started_at=timezone.now())
        return TaskRun.objects.select_related(*columns).get(pk=run.pk)
    return None


def finish(run: TaskRun, result: TaskResult) -> bool:
    """Its end and its message, in one transaction. False: the run was no longer this process's."""
    now = timezone.now()
    with transaction.atomic():
        if not claims.of(run).update(
            text=result.text, note=result.note[:300], error="", **_file(result),
            **_over(RunState.HELD, now),
        ):  # fmt: skip
            return False
        run.text = result.text
        run.file_name, run.file = (result.file.name, result.file.content) if result.file else ("", None)
        delivery.deliver(run, now)
        ScheduledTask.objects.filter(pk=run.task_id).update(last_at=run.started_at)
    return True


def _file(result: TaskResult) -> dict[str, Any]:
    return {"file_name": result.file.name[:200], "file": result.file.content} if result.file else {}


def fail(run: TaskRun, message: str, *, again: bool) -> None:
    """Queue it for later, or give it up with a reason for people, who are told of the first failure of several."""
    now = timezone.now()
    if again and run.attempts < ATTEMPTS:
        claims.release(claims.of(run), not_before=now + PAUSE, error=message)
        return
    with transaction.atomic():
        if not claims.of(run).update(error=message, **_over(RunState.FAILED, now)):
            return
        told = not run.task.last_error
        ScheduledTask.objects.filter(pk=run.task_id).update(
            last_at=run.started_at, last_error=message, last_error_at=now
        )
        if told:
            delivery.tell_failure(run, message, now)


def _over(state: RunState, now: datetime) -> dict[str, Any]:
    return {"state": state, "finished_at": now, "not_before": None, **claims.NOBODY}


def recover() -> int:
    """Queue the runs of processes that died again; returns how many. Also when a task process starts."""
    return sum(_requeue(run) for run in claims.lost(TaskRun))


def _requeue(run: TaskRun) -> int:
    if run.attempts >= ATTEMPTS:
        fail(run, f"执行它的进程 {run.attempts} 次意外中断，已放弃：请检查内存和日志。", again=False)
        return 0
    log.warning("定时任务「%s」的执行进程已不在，重新排队", run.task.name)
    return claims.release(claims.of(run))
