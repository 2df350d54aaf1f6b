"""Scheduled tasks and their runs as programs see them. What was sent to one person is not shown to others."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from secops_agent.models import ScheduledTask, TargetKind, TaskRun
from secops_agent.services.pages import Page, cut
from secops_agent.services.schedules.delivery import sending_of
from secops_agent.services.schedules.schedules import get_task, place_of, told_to, told_when, when_of


@dataclass(frozen=True, slots=True)
class TaskView:
    """``when`` is ``cron`` in words."""

    id: int
    name: str
    enabled: bool
    task: str
    cron: str
    once: bool
    when: str
    target: str
    attachment: str
    owner: str
    made_by: str
    next_runs: tuple[datetime, ...]
    last_at: datetime | None
    last_error: str
    last_error_at: datetime | None


@dataclass(frozen=True, slots=True)
class RunView:
    """``sending``: what became of its message."""

    id: int
    due_at: datetime
    state: str
    attempts: int
    started_at: datetime | None
    finished_at: datetime | None
    note: str
    text: str
    sending: str
    error: str


def search_tasks(limit: int = 20, cursor: str = "") -> Page[TaskView]:
    """The oldest first. Raises InvalidInput."""
    rows = ScheduledTask.objects.select_related("config", "staff", "rota", "owner")
    return cut(rows, ("id",), limit, cursor, lambda found: [view_task(row) for row in found])


def view_task(row: ScheduledTask) -> TaskView:
    """One of them."""
    return TaskView(
        row.pk, row.name, row.enabled, told_to(row, None), row.cron, row.once, told_when(row), place_of(row), row.attachment,
        row.owner.staff_id if row.owner else "", row.made_by, tuple(when_of(row, timezone.now())), row.last_at,
        row.last_error, row.last_error_at,
    )  # fmt: skip


def search_runs(task_id: int, limit: int = 20, cursor: str = "") -> Page[RunView]:
    """The newest first. Raises NotFound, InvalidInput."""
    private = get_task(task_id).kind == TargetKind.PERSON
    rows = TaskRun.objects.filter(task_id=task_id)
    return cut(rows, ("-id",), limit, cursor, lambda found: _runs(found, private=private))


def _runs(rows: Iterable[TaskRun], *, private: bool) -> list[RunView]:
    return [
        RunView(
            row.pk, row.due_at, row.state, row.attempts, row.started_at, row.finished_at, row.note,
            "" if private else row.text, sending_of(row), row.error,
        )
        for row in rows
    ]  # fmt: skip
