"""Runs what is due in a process of django-q2."""

import logging

from django.utils import timezone

from bifang.core.errors import BifangError, InvalidInput
from secops_agent.models import Role, TaskRun
from secops_agent.services.people.staff import Person
from secops_agent.services.schedules import runs
from secops_agent.services.schedules.schedules import fault_of, is_own, kind_of
from secops_agent.services.schedules.tasks import TaskOrder, TaskResult

log = logging.getLogger(__name__)


def run_next_task() -> str:
    """What django-q2 calls: do the oldest waiting run; if more wait, say so."""
    run = runs.take()
    if run is None:
        return "没有等待的定时任务"
    try:
        return _run(run)
    finally:
        if runs.waiting(timezone.now()).exists():
            runs.nudge()


def _run(run: TaskRun) -> str:
    try:
        result = _work(run)
    except BifangError as error:
        runs.fail(run, error.message, again=not error.permanent)
        return error.message
    except Exception as error:
        log.exception("定时任务「%s」失败", run.task.name)
        runs.fail(run, f"内部错误（{type(error).__name__}），详情见日志。", again=False)
        raise
    return "完成" if runs.finish(run, result) else "已由另一个进程接手"


def _work(run: TaskRun) -> TaskResult:
    task, kind, now = run.task, kind_of(run.task), timezone.localtime()
    reader = _reader(run)
    if kind.told and (fault := fault_of(task)):
        raise InvalidInput(fault)
    return kind.work.run(TaskOrder(task.arguments, reader, not is_own(task), now, task.attachment))


def _reader(run: TaskRun) -> Person:
    """Its owner as the database knows them now; a program by what it is called."""
    owner = run.task.owner
    if owner is None:
        return Person("", "", f"程序「{run.task.made_by or '系统'}」", Role.VIEWER)
    return Person(owner.corp_id, owner.staff_id, owner.name, Role(owner.role) if owner.acts else Role.NONE)
