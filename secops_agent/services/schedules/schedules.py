"""Scheduled tasks: written from the chat, the page, the API and files, always through `save_task`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from pydantic import Field

from bifang.core.configuration.entries import Entry, read_entry
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent import says
from secops_agent.models import NotificationTarget, ScheduledTask, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.faults import NotFound
from secops_agent.services.notifications import targets
from secops_agent.services.notifications.conditions import TargetEntry
from secops_agent.services.schedules.cron import describe, next_runs, read_cron
from secops_agent.services.schedules.tasks import ATTACHMENTS, BY_NAME, TaskKind, read_task, title_of

MOST: Final = 200
NOWHERE: Final = "不发送"


class TaskEntry(Entry):
    """A task of apply_configs, the API and the page. ``cron``: an expression or Chinese words."""

    name: str = Field("", max_length=100)
    task: str = Field(min_length=1, max_length=200)
    cron: str = Field(min_length=1, max_length=200)
    once: bool = False
    enabled: bool = True
    target: TargetEntry | None = None
    attachment: Literal["", "pdf", "png", "markdown", "csv"] = ""


def standing() -> "QuerySet[ScheduledTask]":
    """All but what was to be done once and is over."""
    rows = ScheduledTask.objects.exclude(once=True, enabled=False)
    return rows.select_related("config", "staff", "rota", "owner")


def get_task(task_id: int) -> ScheduledTask:
    """Raises NotFound."""
    row = ScheduledTask.objects.select_related("config", "staff", "rota", "owner").filter(pk=task_id).first()
    if row is None:
        raise NotFound(f"没有编号为 {task_id} 的定时任务；发送「{says.TASKS}」查看编号。")
    return row


def save_task(
    given: Mapping[str, Any], actor: Actor, *, row: ScheduledTask | None = None, owner: Staff | None = None
) -> ScheduledTask:
    """The one door. Without ``row`` a new one; its owner stays whoever made it. Raises InvalidInput (EntryFaults)."""
    entry = read_entry(TaskEntry, given)
    target = _read_target(entry.target)
    with transaction.atomic():
        if row is None:
            _demand_room()
            row, before = ScheduledTask(owner=owner, made_by=actor.name[:200]), {}
        else:
            before = described(row)
        _fill(row, entry, target)
        row.save()
        _keep(actor, row, before)
    return row


def _read_target(entry: TargetEntry | None) -> NotificationTarget | None:
    if entry is not None and entry.kind in ("webhook", "gateway"):
        raise InvalidInput(f"定时任务不能发到{entry.kind.label}：请改用 group、person 或 on_call。")
    return targets.read_target(entry, None) if entry else None


def _demand_room() -> None:
    if standing().count() >= MOST:
        raise InvalidInput(f"定时任务已有 {MOST} 个：请先删除不用的。")


def _fill(row: ScheduledTask, entry: TaskEntry, target: NotificationTarget | None) -> None:
    kind, arguments = read_task(entry.task)
    if kind.told and target is None:
        raise InvalidInput(f"「{kind.title}」要写明发到哪里：群、个人或值班人。")
    if entry.attachment and kind.name != "report":
        raise InvalidInput("只有日报、周报、月报可以附文件。")
    cron = read_cron(entry.cron)
    was = (row.cron, row.enabled)
    row.task, row.arguments, row.cron, row.enabled = kind.name, arguments, cron, entry.enabled
    row.once = entry.once
    row.attachment = entry.attachment
    row.name = _free_name(title_of(kind.name, arguments), entry.name, row)
    row.kind = target.kind if target else ""
    row.config, row.staff, row.rota = (
        (target.config, target.staff, target.schedule) if target else (None, None, None)
    )
    row.conversation_id = target.conversation_id if target else ""
    _refuse_twin(row)
    row.last_error, row.last_error_at = "", None
    if was != (cron, entry.enabled) or row.next_at is None:
        row.next_at = (
            next((each for each in next_runs(cron, timezone.now(), 1)), None) if entry.enabled else None
        )


def _refuse_twin(row: ScheduledTask) -> None:
    """The same thing at the same time in the same place would only be told twice."""
    same = (
        "once",
        "task",
        "arguments",
        "cron",
        "kind",
        "config_id",
        "conversation_id",
        "staff_id",
        "rota_id",
    )
    duplicates = standing().filter(**{name: getattr(row, name) for name in same}).exclude(pk=row.pk)
    if duplicate := duplicates.first():
        raise InvalidInput(f"已有同样的定时任务 {duplicate.pk}（{duplicate.name}）。")


def _free_name(title: str, given: str, row: ScheduledTask) -> str:
    """A name that somebody gave must be free; one of ours gets a number."""
    taken = set(ScheduledTask.objects.exclude(pk=row.pk).values_list("name", flat=True))
    if given and given in taken:
        raise InvalidInput(f"已有名为「{given}」的定时任务。")
    numbered = (f"{title[:90]} {number}" for number in range(2, MOST + 2))
    return given or next(name for name in (title[:90], *numbered) if name not in taken)


def delete_task(row: ScheduledTask, actor: Actor) -> None:
    """With its history; the audit trail keeps what it was."""
    with transaction.atomic():
        keep(actor, f"删除定时任务「{row.name}」", f"schedule:{row.pk}", described(row))
        row.delete()


def described(row: ScheduledTask) -> dict[str, Any]:
    """What it says, for people and the record of changes."""
    return {
        "name": row.name, "task": title_of(row.task, row.arguments), "cron": row.cron, "once": row.once, "enabled": row.enabled,
        "target": place_of(row), "attachment": ATTACHMENTS.get(row.attachment, row.attachment),
    }  # fmt: skip


def _keep(actor: Actor, row: ScheduledTask, before: Mapping[str, Any]) -> None:
    after = described(row)
    changes = {key: [before.get(key), value] for key, value in after.items() if before.get(key) != value}
    if changes:
        verb = "修改" if before else "新增"
        keep(
            actor,
            f"{verb}定时任务「{row.name}」",
            f"schedule:{row.pk}",
            {"name": row.name, "changes": changes},
        )


def kind_of(row: ScheduledTask) -> TaskKind:
    """What is done. Raises InvalidInput for what this version does not know."""
    if row.task not in BY_NAME:
        raise InvalidInput(f"这个版本没有任务「{row.task}」：请删除或改写这个定时任务。")
    return BY_NAME[row.task]


def destination_of(row: ScheduledTask) -> NotificationTarget | None:
    """Where it goes, as notification rules spell it (not a row); None for nowhere."""
    if not row.kind:
        return None
    return NotificationTarget(
        kind=row.kind,
        config=row.config,
        conversation_id=row.conversation_id,
        staff=row.staff,
        schedule=row.rota,
    )


def place_of(row: ScheduledTask) -> str:
    """The same in words."""
    target = destination_of(row)
    return targets.place_of(target) if target else NOWHERE


def told_when(row: ScheduledTask) -> str:
    """When it is done, in words: 每天 09:00; 12 月 2 日 08:00（一次）."""
    return f"{describe(row.cron).removeprefix('每年 ')}（一次）" if row.once else describe(row.cron)


def when_of(row: ScheduledTask, now: datetime) -> list[datetime]:
    """The next three runs; none while it is switched off."""
    return next_runs(row.cron, now) if row.enabled else []


def sent_through(config: SystemConfig) -> list[str]:
    """What is sent through a configuration, for whoever archives it."""
    names = ScheduledTask.objects.filter(config=config).order_by("name").values_list("name", flat=True)
    return [f"定时任务「{name}」通过它发送，之后会停在「待发送」：请改它的目标。" for name in names]


def apply_task_entries(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """The ``schedules`` section of apply_configs, matched by name. Raises InvalidInput naming entry and key."""
    for number, given in enumerate(entries, 1):
        try:
            if not str(given.get("name") or "").strip():
                raise InvalidInput("缺少 name。")
            row = ScheduledTask.objects.filter(name=str(given["name"]).strip()).first()
            save_task(given, Actor.system("apply_configs"), row=row)
        except InvalidInput as error:
            place = f"schedules 第 {number} 项（{given.get('name') or '缺少 name'}）"
            raise InvalidInput(f"{place}：{error.message}") from None
    return []
