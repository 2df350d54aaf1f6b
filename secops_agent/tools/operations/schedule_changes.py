"""change_schedule, delete_schedule: another time or one more recipient for what is done at set times, and its end, by its number or
by what it does; the end of watches too."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from secops_agent import says
from secops_agent.llm.understanding.calendar import ALL
from secops_agent.models import NotificationRule, ScheduledTask, Staff
from secops_agent.models.automation.schedule import REMINDER
from secops_agent.services.actors import Actor
from secops_agent.services.chats import name_of
from secops_agent.services.faults import NotFound
from secops_agent.services.notifications import watches
from secops_agent.services.notifications.rules import delete_rule
from secops_agent.services.people.eligibility import staff_of
from secops_agent.services.people.staff import Person, person_of
from secops_agent.services.people.words import cleaned
from secops_agent.services.schedules import schedules
from secops_agent.services.schedules.cron import HELP, next_runs, read_cron
from secops_agent.services.schedules.tasks import LONGEST_QUESTION, title_of
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.definitions import ToolDefinition, ValidatedAction, action
from secops_agent.tools.operations.recipients import SHAPE, Recipient, demand_readers, read_recipients
from secops_agent.tools.operations.schedules import AT, moment_of, standing, target_of, task_line, watch_line

_CLOCK: Final = re.compile(r"(?P<h>[01]?\d|2[0-3]):(?P<m>[0-5]\d)")
_WORDS: Final = re.compile(
    r"[a-z0-9_.*:-]+|(?![的个那这给发])[一-鿿]+?(?=[的个那这给发]|[^一-鿿]|$)", re.IGNORECASE
)
_UNCHANGED: Final = "没有修改。"
_KEPT: Final = "没有删除。"


class ChangeSchedule(Arguments):
    """Arguments of change_schedule."""

    schedule_id: int | None = argument("定时任务的编号", default=None, minimum=1)
    what: str = argument("不知道编号时，它做什么，例如 日报、db-01", default="", max_length=100)
    clock: str = argument("新的钟点，日子不变，例如 08:30", default="", max_length=5)
    later_minutes: int = argument("往后推多少分钟，提前写负数", default=0, minimum=-720, maximum=720)
    cron: str = argument(f"新的反复的时间：{HELP}", default="")
    at: str = argument(f"只做一次的，新的时间，例如 {AT}", default="")
    also_to: str = argument(f"另外也发给谁：{SHAPE}", default="")


class DeleteSchedule(Arguments):
    """Arguments of delete_schedule."""

    schedule_id: int | None = argument("定时任务的编号", default=None, minimum=1)
    watch_id: int | None = argument("要结束的是「盯着」时，它的编号", default=None, minimum=1)
    what: str = argument(
        f"不知道编号时，要删的定时任务做什么，例如 日报、db-01；「{ALL}」是提问者自己设的全部",
        default="",
        max_length=100,
    )
    watched: str = argument(
        f"不知道编号时，要结束的「盯着」盯的是什么，例如 file-01；「{ALL}」是提问者自己的全部",
        default="",
        max_length=100,
    )
    schedule_ids: str = argument("几个定时任务的编号，用逗号分开", default="")
    watch_ids: str = argument("几个「盯着」的编号，用逗号分开", default="")


def check_change(given: ChangeSchedule, person: Person | None) -> ValidatedAction:
    """Says the whole of what it becomes. Raises NotFound, InvalidInput."""
    row = _one(given, person)
    said = given.model_dump(exclude_defaults=True)
    stored = {name: value for name, value in said.items() if name not in ("what", "schedule_id")}
    title = plain(schedules.told_to(row, person), LONGEST_QUESTION)
    old = f"定时任务 {row.pk}「{title}」"
    if given.also_to and person:
        found = _also(given.also_to, row, person)
        stored["also_to"] = ",".join(one.key for one in found)
        names = "、".join(one.named for one in found)
        summary = f"{old}也发给{names}：{schedules.told_when(row)}，原来发到{schedules.place_of(row)}的不变"
        return ValidatedAction({"schedule_id": row.pk, **stored}, summary)
    new = ScheduledTask(cron=_new_cron(given, row), once=row.once)
    first = next(iter(next_runs(new.cron, timezone.now(), 1)), None)
    following = f"，下次 {timezone.localtime(first):%m-%d %H:%M}" if first else ""
    summary = f"{old}的时间从 {schedules.told_when(row)} 改为 {schedules.told_when(new)}{following}，仍发到{plain(schedules.place_of(row), 60)}"
    return ValidatedAction({"schedule_id": row.pk, **stored}, summary)


def _also(to: str, row: ScheduledTask, person: Person) -> list[Recipient]:
    """Who is told too, and may read it. Raises InvalidInput, NotFound."""
    found = read_recipients(to, person, _UNCHANGED)
    if row.task == REMINDER:
        cleaned(title_of(row.task, row.arguments), _UNCHANGED)
    else:
        demand_readers(found, _UNCHANGED)
    return found


def _new_cron(given: ChangeSchedule, row: ScheduledTask) -> str:
    """Raises InvalidInput."""
    if given.cron:
        return read_cron(given.cron)
    minute, hour, *days = row.cron.split()
    if given.at and not row.once:
        told = schedules.told_when(row)
        raise InvalidInput(f"它是反复执行的（{told}）：请写成「每周五 15:00」这样的。{_UNCHANGED}")
    if given.at:
        at = moment_of(given.at, timezone.localtime())
        return f"{at.minute} {at.hour} {at.day} {at.month} *"
    if clock := _CLOCK.fullmatch(given.clock):
        return read_cron(f"{int(clock['m'])} {int(clock['h'])} {' '.join(days)}")
    if not given.later_minutes:
        raise InvalidInput(f"请写明改成什么时候，例如 08:30、{HELP}。{_UNCHANGED}")
    if not (minute.isdigit() and hour.isdigit()):
        raise InvalidInput(
            f"它每天不止一次（{schedules.told_when(row)}），不能往后推：请写出新的时间。{_UNCHANGED}"
        )
    at = timezone.localtime().replace(hour=int(hour), minute=int(minute))
    moved = at + timedelta(minutes=given.later_minutes)
    if moved.date() != at.date():
        raise InvalidInput(f"往后推会到另一天：请写出新的时间。{_UNCHANGED}")
    return f"{moved.minute} {moved.hour} {' '.join(days)}"


def change(given: ChangeSchedule, actor: Actor) -> str:
    """Done for a confirmed proposal; one more recipient is one more task."""
    row = schedules.get_task(given.schedule_id or 0)
    if given.also_to:
        return _add(given, row, actor)
    entry = _entry(row) | {"cron": _new_cron(given, row), "enabled": row.enabled or row.once}
    schedules.save_task(entry, actor, row=row, owner=staff_of(actor))
    return f"已修改定时任务 {row.pk}：{schedules.told_when(row)}，{schedules.place_of(row)}。"


def _add(given: ChangeSchedule, row: ScheduledTask, actor: Actor) -> str:
    owner = staff_of(actor)
    if owner is None or row.config is None:
        raise InvalidInput(
            f"这个定时任务没有聊天配置，不能再加收件人：请在「定时任务」页面设置。{_UNCHANGED}"
        )
    person = person_of(owner, actor.named[0])
    with transaction.atomic():
        rows = [
            schedules.save_task(
                _entry(row) | {"name": "", "target": target_of(one, row.config)}, actor, owner=owner
            )
            for one in read_recipients(given.also_to, person, _UNCHANGED)
        ]
    made = "、".join(f"{each.pk}（{schedules.place_of(each)}）" for each in rows)
    return f"已新建定时任务 {made}：{schedules.told_when(row)}，内容和 {row.pk} 一样。"


def _entry(row: ScheduledTask) -> dict[str, Any]:
    """The task as a file writes it."""
    target: dict[str, Any] = {"kind": row.kind, "conversation_id": row.conversation_id}
    target |= {"staff_id": row.staff.staff_id} if row.staff else {}
    target |= {"schedule": row.rota.name} if row.rota else {}
    target |= {"config": name_of(row.config)} if row.config else {}
    return {
        "name": row.name, "task": title_of(row.task, row.arguments), "cron": row.cron, "once": row.once, "enabled": row.enabled,
        "attachment": row.attachment, "target": {name: value for name, value in target.items() if value} if row.kind else None,
    }  # fmt: skip


def check_deletion(given: DeleteSchedule, person: Person | None) -> ValidatedAction:
    """Raises NotFound; of another corporation it is not there."""
    tasks, watching = _tasks(given, person), _watches(given, person)
    if not tasks and not watching:
        raise InvalidInput(f"请写明编号：「{says.delete_task(says.NUMBER)}」。没有执行任何操作。")
    for home in (*map(schedules.home_of, tasks), *(row.owner.corp_id for row in watching if row.owner)):
        schedules.demand_home(home, person.corp_id if person else "")
    lines = [f"删除定时任务 {row.pk}：{schedules.told_when(row)} {plain(schedules.told_to(row, person), 100)}（{plain(schedules.place_of(row), 60)}）" for row in tasks]  # fmt: skip
    lines += [f"不再盯：{plain(row.name, 100)}（{watches.place_of(row)}）" for row in watching]
    ids = {"schedule_id": [row.pk for row in tasks], "watch_id": [row.pk for row in watching]}
    stored: dict[str, Any] = {name: found[0] for name, found in ids.items() if len(found) == 1}
    stored |= {f"{name}s": ",".join(map(str, found)) for name, found in ids.items() if len(found) > 1}
    return ValidatedAction(stored, "；".join(lines))


def _tasks(given: DeleteSchedule, person: Person | None) -> list[ScheduledTask]:
    if given.what:
        return _meant(given.what, person)
    ids = [given.schedule_id] if given.schedule_id else _numbers(given.schedule_ids)
    return [schedules.get_task(number) for number in ids]


def _watches(given: DeleteSchedule, person: Person | None) -> list[NotificationRule]:
    if given.watched:
        return _watched(given.watched, person)
    ids = [given.watch_id] if given.watch_id else _numbers(given.watch_ids)
    return [watches.get(number) for number in ids]


def _numbers(text: str) -> list[int]:
    return [int(each) for each in re.findall(r"\d+", text)]


def _one(given: ChangeSchedule, person: Person | None) -> ScheduledTask:
    """The task that is meant. Raises NotFound, InvalidInput that lists those that may be."""
    rows = [schedules.get_task(given.schedule_id)] if given.schedule_id else _meant(given.what, person)
    if len(rows) > 1:
        raise InvalidInput(f"有几个，请写明编号：\n\n{_listed(rows)}\n\n{_UNCHANGED}")
    if person:
        actor = Actor.person(person, "agent")
        schedules.demand_hands(rows[0], actor, staff_of(actor))
    return rows[0]


def _meant(what: str, person: Person | None) -> list[ScheduledTask]:
    """Those that do this; of several the asker's own, and where still several are meant, all must be. Raises NotFound, InvalidInput."""
    rows = list(standing(person)) if person else list(schedules.standing())
    mine = [row for row in rows if person and row.owner and _is(row.owner, person)]
    if what == ALL:
        if not mine:
            raise NotFound(f"您没有设过定时任务。{_KEPT}")
        return mine
    found = [row for row in rows if _tells(what, f"{row.name} {schedules.told_to(row, person)} {schedules.place_of(row)} {schedules.told_when(row)}")]  # fmt: skip
    if not found:
        others = f"现有的：\n\n{_listed(rows)}" if rows else "现在没有定时任务。"
        raise NotFound(f"没有做「{plain(what, 40)}」的定时任务。{_KEPT}{others}")
    found = [row for row in found if row in mine] or found
    if len(found) > 1:
        raise InvalidInput(
            f"有几个，请写明编号：「{says.delete_task(says.NUMBER)}」。{_KEPT}\n\n{_listed(found)}"
        )
    return found


def _watched(what: str, person: Person | None) -> list[NotificationRule]:
    """Watches of the asker that are of this. Raises NotFound."""
    rows = watches.of_corporation(person.corp_id) if person else []
    mine = [row for row in rows if person and row.owner and _is(row.owner, person)]
    found = [row for row in mine if what == ALL or _tells(what, row.name)]
    if not found:
        told = "您没有盯着什么" if what == ALL else f"您没有盯着「{plain(what, 40)}」"
        listed = "\n".join(f"- {watch_line(row)}" for row in mine)
        raise NotFound(f"{told}，不用取消。" + (f"现在盯着的：\n\n{listed}" if mine else ""))
    return found


def _tells(what: str, text: str) -> bool:
    """Do all the words of it stand in the text, in any order: 日报, 发群里的日报?"""
    said = text.lower()
    return all(word.lower() in said for word in _WORDS.findall(what))


def _listed(rows: Sequence[ScheduledTask]) -> str:
    now = timezone.localtime()
    return "\n".join(f"- {task_line(row, now, None)}" for row in rows[:10])


def _is(owner: Staff, person: Person) -> bool:
    return owner.staff_id == person.staff_id and owner.corp_id in ("", person.corp_id)


def delete(given: DeleteSchedule, actor: Actor) -> str:
    """Done for a confirmed proposal."""
    told: list[str] = []
    with transaction.atomic():
        for watch in _watches(given, None):
            told.append(f"不再盯着（{watch.pk}）。")
            delete_rule(watch, actor)
        for row in _tasks(given, None):
            told.append(f"已删除定时任务 {row.pk}。")
            schedules.delete_task(row, actor)
    return "".join(told)


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    action(
        "change_schedule",
        "修改定时任务",
        "改一个定时任务的时间（改成八点半、往后推一小时），或者让它也发给另一个人或群。只提出，由提问者本人确认后才生效。仅在提问者明确要求时调用。",
        "write",
        ChangeSchedule,
        check_change,
        change,
    ),
    action(
        "delete_schedule",
        "删除定时任务",
        "删除定时任务，或结束「盯着」，按编号或按它做什么。只提出，由提问者本人确认后才执行。仅在提问者明确要求时调用。",
        "write",
        DeleteSchedule,
        check_deletion,
        delete,
    ),
)
