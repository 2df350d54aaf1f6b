"""Scheduled tasks: written from the chat, the page, the API and files, always through `save_task`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from pydantic import Field

from bifang.channels.text.markup import plain
from bifang.core.configuration.entries import Entry, read_entry
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent import says
from secops_agent.models import NotificationTarget, Role, ScheduledTask, Staff, TargetKind
from secops_agent.models.automation.schedule import REMINDER
from secops_agent.models.people.staff import allows
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.faults import NotFound
from secops_agent.services.notifications import targets
from secops_agent.services.notifications.conditions import TargetEntry
from secops_agent.services.people.eligibility import same_person
from secops_agent.services.people.staff import Person
from secops_agent.services.people.words import UNREADABLE, cleaned, demand_pace
from secops_agent.services.schedules.cron import describe, next_runs, read_cron
from secops_agent.services.schedules.tasks import (
    ATTACHMENTS,
    BY_NAME,
    TaskKind,
    read_task,
    title_of,
)

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
    """The one door. Without ``row`` a new one. ``owner``: who acts, if it is one of the staff; whoever changes what is said, or
    where, says it from then on. Raises InvalidInput (EntryFaults), Conflict."""
    entry = read_entry(TaskEntry, given)
    target = _read_target(entry.target)
    with transaction.atomic():
        if row is None:
            _demand_room(owner)
            row, before = ScheduledTask(), {}
        else:
            demand_hands(row, actor, owner)
            before = described(row)
        said = _said(row)
        _fill(row, entry, target)
        if not before or said != _said(row):
            row.owner, row.made_by = owner, actor.name[:200]
        _demand_tellable(row)
        row.save()
        _keep(actor, row, before)
    return row


def _read_target(entry: TargetEntry | None) -> NotificationTarget | None:
    if entry is not None and entry.kind in ("webhook", "gateway"):
        raise InvalidInput(f"定时任务不能发到{entry.kind.label}：请改用 group、person 或 on_call。")
    return targets.read_target(entry, None) if entry else None


def _demand_room(owner: Staff | None) -> None:
    mine, share = standing().filter(owner=owner).count() if owner else 0, max(1, MOST // 4)
    if mine >= share:
        raise InvalidInput(f"您已有 {mine} 个定时任务，每人最多 {share} 个：请先删除不用的。")
    if standing().count() >= MOST:
        raise InvalidInput(f"定时任务已有 {MOST} 个：请先删除不用的。")


def _said(row: ScheduledTask) -> tuple[Any, ...]:
    """What is said, under which name, and where."""
    place = (row.kind, row.config_id, row.conversation_id, row.staff_id, row.rota_id)
    return (row.name, row.task, row.arguments, row.attachment, *place)


def home_of(row: ScheduledTask) -> str:
    """The corporation of whoever set it, else of the chat where it is told; "" where nothing tells."""
    return row.owner.corp_id if row.owner else row.config.corporation if row.config else ""


def is_own(row: ScheduledTask) -> bool:
    """Is its owner the only one who is told?"""
    return row.kind == TargetKind.PERSON and row.staff_id is not None and row.staff_id == row.owner_id


def demand_home(home: str, corp_id: str) -> None:
    """Raises InvalidInput for somebody of another corporation than what is at ``home`` there."""
    if corp_id and home not in ("", corp_id):
        raise InvalidInput("它属于另一个企业，您不能修改、执行或删除。")


def demand_hands(row: ScheduledTask, actor: Actor, staff: Staff | None) -> None:
    """Who changes, repeats or ends it is of its corporation, and of a reminder its owner. ``staff``: who acts. Raises InvalidInput."""
    demand_home(home_of(row), staff.corp_id if staff else actor.named[0])
    owner: Staff | None = row.owner if row.task == REMINDER and actor.kind != "system" else None
    if owner and not (staff and same_person(owner, staff)):
        raise InvalidInput(f"提醒只能由设置人「{plain(owner.name, 40)}」本人修改或再发：请另设一个。")


def _demand_tellable(row: ScheduledTask) -> None:
    """What is said to others holds no secret, what was looked up goes to who may read it, and not too often. Raises InvalidInput, Conflict."""
    if not row.kind or is_own(row):
        return
    if row.task == REMINDER:
        cleaned(str(row.arguments["text"]))
    elif row.staff and row.staff.role == Role.NONE:
        raise InvalidInput(UNREADABLE.format(plain(row.staff.name, 40)))
    if row.owner and row._state.adding and (row.task == REMINDER or row.kind != TargetKind.GROUP):
        demand_pace(row.owner)


def fault_of(row: ScheduledTask) -> str:
    """Why nothing is said in its owner's name any more; "" where they may, or a program set it."""
    needed = Role.ANALYST if row.task == REMINDER and not is_own(row) else Role.VIEWER
    if row.owner is None or (row.owner.acts and allows(Role(row.owner.role), needed)):
        return ""
    return f"设置人「{plain(row.owner.name, 40)}」已离开或没有{needed.label}权限：请删除这个定时任务，由有权限的人重新设置。"


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
    row.kind = target.kind if target else ""
    title = kind.title if is_private(row) else title_of(kind.name, arguments)
    row.name = _free_name(title, entry.name, row)
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


def is_private(row: ScheduledTask) -> bool:
    """A reminder to one person, which only they and who set it read."""
    return row.task == REMINDER and row.kind == TargetKind.PERSON


def told_to(row: ScheduledTask, reader: Person | None) -> str:
    """What it does, as ``reader`` may know it; None: several who read."""
    told = [each for each in (row.owner, row.staff) if each and reader and each.staff_id == reader.staff_id]
    if is_private(row) and not any(reader and each.corp_id in ("", reader.corp_id) for each in told):
        return f"{BY_NAME[REMINDER].title}（内容只给本人看）"
    return title_of(row.task, row.arguments)


def delete_task(row: ScheduledTask, actor: Actor, staff: Staff | None = None) -> None:
    """With its history; the audit trail keeps what it was. Raises InvalidInput for another corporation's."""
    demand_home(home_of(row), staff.corp_id if staff else actor.named[0])
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
