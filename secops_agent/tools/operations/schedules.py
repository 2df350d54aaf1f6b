"""list_schedules, create_schedule, delete_schedule: things that are done at set times, for the place where they were asked for."""

from datetime import datetime
from typing import Final

from django.db.models import Q
from django.utils import timezone

from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent import says
from secops_agent.models import NotificationRule, ScheduledTask, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.decisions.requests import Origin
from secops_agent.services.notifications import watches
from secops_agent.services.notifications.rules import delete_rule
from secops_agent.services.people.eligibility import listed
from secops_agent.services.people.staff import Person
from secops_agent.services.schedules import schedules
from secops_agent.services.schedules.cron import HELP, describe, monthly, next_runs, read_cron
from secops_agent.services.schedules.tasks import read_task, title_of
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import NoArguments, ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, ValidatedAction, action, reading
from secops_agent.tools.markdown import joined, moment

_WEEKDAYS: Final = "一二三四五六日"
_MOST: Final = 50
_EMPTY: Final = f"还没有定时任务。可以说「{says.DAILY_EVERY_DAY}」。"


class CreateSchedule(Arguments):
    """Arguments of create_schedule."""

    task: str = argument(
        "做什么：日报、周报、月报、更新漏洞情报、重新比对，或一句查询，例如 未处理的高危告警；只提醒一次的写「提醒：…」"
    )
    cron: str = argument(f"什么时候：{HELP}")


class DeleteSchedule(Arguments):
    """Arguments of delete_schedule."""

    schedule_id: int | None = argument("定时任务的编号", default=None, minimum=1)
    watch_id: int | None = argument("要结束的是「盯着」时，它的编号", default=None, minimum=1)


def list_schedules(asker: Asker, given: NoArguments) -> ToolResult:
    """Those of the asker's corporation, and those that people made in files and on pages."""
    mine = Q(owner=None) | Q(owner__corp_id__in=("", asker.person.corp_id))
    rows = list(ScheduledTask.objects.filter(mine).select_related("config", "staff", "rota", "owner")[:_MOST])
    watched = [f"- {_watch_line(row)}" for row in watches.of_corporation(asker.person.corp_id)]
    if not rows and not watched:
        return ToolResult("no_data", "定时任务", _EMPTY)
    lines = [f"- {_line(row, asker.now)}" for row in rows]
    tasks = [
        f"**定时任务：{len(rows)} 个**",
        "",
        *lines,
        "",
        f"删除请发送「{says.delete_task(says.NUMBER)}」。",
    ]
    ends = [
        "",
        f"**盯着：{len(watched)} 个**",
        "",
        *watched,
        "",
        f"结束请发送「{says.end_watch(says.NUMBER)}」。",
    ]
    text = "\n".join([*tasks, *(ends if watched else [])])
    return ToolResult("ok", "定时任务", text, [row.pk for row in rows])


def _line(row: ScheduledTask, now: datetime) -> str:
    runs = next_runs(row.cron, now, 1)
    state = f"下次 {_spoken(runs[0])}" if row.enabled and runs else "已停用"
    fault = f"⚠️ {plain(row.last_error, 120)}" if row.last_error else ""
    title = plain(title_of(row.task, row.arguments), 60)
    place = plain(schedules.place_of(row), 60)
    who = plain(str(row.owner or row.made_by), 20)
    return f"**{row.pk}** " + joined((title, describe(row.cron), place, state, who, fault))


def _watch_line(row: NotificationRule) -> str:
    what = plain(row.name.partition("（")[0].removeprefix("盯着 "), 60)
    place = plain(watches.place_of(row), 60)
    return f"**{row.pk}** " + joined((what, f"到 {moment(row.ends_at)}", place, plain(str(row.owner), 20)))


def _spoken(at: datetime) -> str:
    local = timezone.localtime(at)
    return f"{local:%m-%d} 周{_WEEKDAYS[local.weekday()]} {local:%H:%M}"


def check_creation(given: CreateSchedule, person: Person | None) -> ValidatedAction:
    """Raises InvalidInput for an unknown task or time. The confirmation says when it will be and what it costs."""
    kind, arguments = read_task(given.task)
    cron, now = read_cron(given.cron), timezone.localtime()
    task = title_of(kind.name, arguments)
    following = "、".join(_spoken(each) for each in next_runs(cron, now))
    cost = f"；每月约 {monthly(cron, now)} 条消息" if kind.told else ""
    summary = f"{describe(cron)}：{plain(task, 100)}，结果发到这个会话。接下来是 {following}{cost}。"
    if kind.once:
        summary = f"{describe(cron).removeprefix('每年 ')} 在这个会话里提醒一次：{plain(task.partition('：')[2], 100)}"
    return ValidatedAction({"task": task, "cron": cron}, summary)


def create(given: CreateSchedule, actor: Actor, origin: Origin) -> str:
    """Done for a confirmed proposal: the result goes where it was proposed."""
    corp_id, _, staff_id = actor.ident.partition(":")
    owner = listed(corp_id, staff_id) if actor.kind == "person" else None
    config = SystemConfig.objects.filter(pk=origin.config_id).first()
    if owner is None or config is None:
        raise InvalidInput("只有登记的人员可以在会话里设置定时任务：请在「定时任务」页面设置。")
    place = (
        {"kind": "group", "conversation_id": origin.conversation_id}
        if origin.is_group
        else {"kind": "person", "staff_id": owner.staff_id}
    )
    entry = {"task": given.task, "cron": given.cron, "target": {**place, "config": config.name}}
    row = schedules.save_task(entry, actor, owner=owner)
    return f"已新建定时任务 {row.pk}：{describe(row.cron)}，{schedules.place_of(row)}。不需要时发送「{says.delete_task(row.pk)}」。"


def check_deletion(given: DeleteSchedule, person: Person | None) -> ValidatedAction:
    """Raises NotFound; of another corporation it is not there."""
    if given.watch_id:
        watch = watches.get(given.watch_id)
        _demand_ours(watch.owner, person)
        return ValidatedAction(
            {"watch_id": watch.pk}, f"不再盯：{plain(watch.name, 100)}（{watches.place_of(watch)}）"
        )
    if not given.schedule_id:
        raise InvalidInput(f"请写明编号：「{says.delete_task(says.NUMBER)}」。没有执行任何操作。")
    row = schedules.get_task(given.schedule_id)
    _demand_ours(row.owner, person)
    title = plain(title_of(row.task, row.arguments), 100)
    summary = f"删除定时任务 {row.pk}：{describe(row.cron)} {title}（{plain(schedules.place_of(row), 60)}）"
    return ValidatedAction({"schedule_id": row.pk}, summary)


def _demand_ours(owner: Staff | None, person: Person | None) -> None:
    if person and owner and owner.corp_id not in ("", person.corp_id):
        raise InvalidInput("它属于另一个企业，您不能删除。")


def delete(given: DeleteSchedule, actor: Actor) -> str:
    """Done for a confirmed proposal."""
    if given.watch_id:
        delete_rule(watches.get(given.watch_id), actor)
        return f"不再盯着（{given.watch_id}）。"
    row = schedules.get_task(given.schedule_id or 0)
    schedules.delete_task(row, actor)
    return f"已删除定时任务 {given.schedule_id}。"


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "list_schedules",
        "查看定时任务",
        "有哪些定时任务和正在盯着的：编号、做什么、什么时候、发到哪里、下次执行。",
        NoArguments,
        list_schedules,
    ),
    action(
        "create_schedule",
        "新建定时任务",
        "定时做一件事并把结果发到这个会话，例如每天早上9点发日报。只提出，由提问者本人确认后才生效。仅在提问者明确要求时调用。",
        "write",
        CreateSchedule,
        check_creation,
        act_there=create,
    ),
    action(
        "delete_schedule",
        "删除定时任务",
        "删除一个定时任务，或结束一个「盯着」。只提出，由提问者本人确认后才执行。仅在提问者明确要求时调用。",
        "write",
        DeleteSchedule,
        check_deletion,
        delete,
    ),
)
