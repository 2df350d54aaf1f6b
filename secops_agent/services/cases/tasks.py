"""Tasks of a case: what is to be done, by whom, until when."""

from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils import timezone

from bifang.channels.text.visible import visible
from bifang.core.errors import InvalidInput
from secops_agent.models import CaseTask, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.audit import history
from secops_agent.services.cases.locks import lock_open
from secops_agent.services.cases.views import code_of
from secops_agent.services.faults import Conflict, NotFound
from secops_agent.services.people.directory import named_by

LONGEST: Final = 500
MOST: Final = 100  # of one case


def add(
    case_id: int, text: str, actor: Actor, assignee: Staff | str | None = None, due_at: datetime | None = None
) -> int:
    """Returns its id. Raises InvalidInput, NotFound, Conflict for a closed case."""
    wanted = " ".join(visible(text).split())
    if not wanted:
        raise InvalidInput("请写要做什么。")
    if len(wanted) > LONGEST:
        raise InvalidInput(f"一个任务最多写 {LONGEST} 个字，更多的请写成备注。")
    person = named_by(actor, assignee) if assignee else None
    with transaction.atomic():
        lock_open(case_id)
        if CaseTask.objects.filter(case_id=case_id).count() >= MOST:
            raise InvalidInput(f"一个事件最多 {MOST} 个任务：请先删除不要的。")
        row = CaseTask.objects.create(
            case_id=case_id, text=wanted, assignee=person, due_at=due_at, created_at=timezone.now(),
            made_by=actor.name,
        )  # fmt: skip
        history.record("case", case_id, actor, "add_task", {"task": ("", wanted)})
    return row.pk


def finish(case_id: int, task_id: int, actor: Actor) -> None:
    """It is done. Raises NotFound, Conflict."""
    now = timezone.now()
    _turn(case_id, task_id, actor, "finish_task", was_done=False, done_at=now, done_by=actor.name)


def resume(case_id: int, task_id: int, actor: Actor) -> None:
    """It was not done. Raises NotFound, Conflict."""
    _turn(case_id, task_id, actor, "resume_task", was_done=True, done_at=None, done_by="")


def _turn(
    case_id: int,
    task_id: int,
    actor: Actor,
    action: str,
    *,
    was_done: bool,
    done_at: datetime | None,
    done_by: str,
) -> None:
    with transaction.atomic():
        lock_open(case_id)
        task = _read(case_id, task_id)
        rows = CaseTask.objects.filter(pk=task_id, case_id=case_id, done_at__isnull=not was_done)
        if not rows.update(done_at=done_at, done_by=done_by):
            raise Conflict(f"任务「{task.text[:40]}」刚刚被别人改过，请再看一次。")
        history.record("case", case_id, actor, action, {"task": ("", task.text)})


def hand_over(case_id: int, old: Staff, new: Staff, actor: Actor) -> tuple[str, ...]:
    """What one person has still to do for a case becomes another's; returns what, in the caller's transaction."""
    rows = CaseTask.objects.filter(case_id=case_id, assignee=old, done_at=None)
    moved = tuple(rows.order_by("pk").values_list("text", flat=True))
    if moved:
        rows.update(assignee=new)
        history.record(
            "case", case_id, actor, "assign", {"tasks": (old.name, f"{new.name}：{'、'.join(moved)}")}
        )
    return moved


def drop(case_id: int, task_id: int, actor: Actor) -> None:
    """It is not to be done. Raises NotFound, Conflict."""
    with transaction.atomic():
        lock_open(case_id)
        task = _read(case_id, task_id)
        task.delete()
        history.record("case", case_id, actor, "drop_task", {"task": (task.text, "")})


def _read(case_id: int, task_id: int) -> CaseTask:
    row = CaseTask.objects.filter(pk=task_id, case_id=case_id).first()
    if row is None:
        raise NotFound(f"{code_of(case_id)} 里没有这个任务（可能刚刚被删除）。")
    return row
