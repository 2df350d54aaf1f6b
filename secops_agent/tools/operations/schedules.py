"""list_schedules, create_schedule: things that are done at set times, or once, for the place where they were asked for or for
whom they name."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent import says
from secops_agent.llm.understanding.telling import NOW
from secops_agent.models import NotificationRule, ScheduledTask, Staff
from secops_agent.models.automation.schedule import REMINDER
from secops_agent.services.actors import Actor
from secops_agent.services.decisions.requests import Origin
from secops_agent.services.notifications import watches
from secops_agent.services.people.eligibility import listed
from secops_agent.services.people.staff import Person, person_of
from secops_agent.services.people.words import cleaned
from secops_agent.services.schedules import schedules
from secops_agent.services.schedules.cron import HELP, describe, monthly, next_runs, read_cron
from secops_agent.services.schedules.tasks import read_task, title_of
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import NoArguments, ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, ValidatedAction, action, reading
from secops_agent.tools.markdown import joined, moment
from secops_agent.tools.operations.recipients import SHAPE, Recipient, demand_readers, read_recipients

AT: Final = "2026-12-02 08:00"
_WEEKDAYS: Final = "一二三四五六日"
_MOST: Final = 50
_EMPTY: Final = f"还没有定时任务。可以说「{says.DAILY_EVERY_DAY}」。"
_NOTHING: Final = "没有新建定时任务。"


class CreateSchedule(Arguments):
    """Arguments of create_schedule."""

    task: str = argument(
        "做什么：日报、周报、月报、更新漏洞情报、重新比对，或一句查询，例如 未处理的高危告警；到时候只说一句话的写「提醒：…」，用提问者自己的词"
    )
    cron: str = argument(f"反复做的时间：{HELP}", default="")
    at: str = argument(f"只做一次的时间，北京时间，例如 {AT}；「{NOW}」是马上做一次", default="")
    to: str = argument(f"发给谁，不填就是发到这个会话：{SHAPE}", default="")


def standing(person: Person) -> QuerySet[ScheduledTask]:
    """Those of a person's corporation, and those of programs that tell it, or nobody."""
    ours = [row.pk for row in SystemConfig.objects.chats() if row.corporation in ("", person.corp_id)]
    own = Q(owner=None) & (Q(config=None) | Q(config__in=ours))
    return schedules.standing().filter(own | Q(owner__corp_id__in=("", person.corp_id)))


def list_schedules(asker: Asker, given: NoArguments) -> ToolResult:
    """Those of the asker's corporation with what is watched."""
    rows = list(standing(asker.person)[:_MOST])
    watched = [f"- {watch_line(row)}" for row in watches.of_corporation(asker.person.corp_id)]
    if not rows and not watched:
        return ToolResult("no_data", "定时任务", _EMPTY)
    tasks = [
        f"**定时任务：{len(rows)} 个**",
        "",
        *(f"- {task_line(row, asker.now, None if asker.is_group else asker.person)}" for row in rows),
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


def task_line(row: ScheduledTask, now: datetime, reader: Person | None) -> str:
    """A task with its number, on one line, as ``reader`` may know it; None: a group."""
    runs = next_runs(row.cron, now, 1)
    state = f"下次 {_spoken(runs[0])}" if row.enabled and runs else "已停用"
    fault = f"⚠️ {plain(row.last_error, 120)}" if row.last_error else ""
    title = plain(schedules.told_to(row, reader), 60)
    place = plain(schedules.place_of(row), 60)
    who = plain(str(row.owner or row.made_by), 20)
    return f"**{row.pk}** " + joined((title, schedules.told_when(row), place, state, who, fault))


def watch_line(row: NotificationRule) -> str:
    """What is watched, with its number, on one line."""
    what = plain(row.name.partition("（")[0].removeprefix("盯着 "), 60)
    place = plain(watches.place_of(row), 60)
    return f"**{row.pk}** " + joined((what, f"到 {moment(row.ends_at)}", place, plain(str(row.owner), 20)))


def _spoken(at: datetime) -> str:
    local = timezone.localtime(at)
    return f"{local:%m-%d} 周{_WEEKDAYS[local.weekday()]} {local:%H:%M}"


def check_creation(given: CreateSchedule, person: Person | None) -> ValidatedAction:
    """Raises InvalidInput for an unknown task, time or recipient. The confirmation says when it will be, for whom, and what it costs."""
    kind, arguments = read_task(given.task)
    task, place, keys = title_of(kind.name, arguments), "这个会话", ""
    if given.to and person:
        found = _recipients(given.to, task, kind.name, person)
        place, keys = "、".join(one.named for one in found), ",".join(one.key for one in found)
    when, cost = _when(given, told=kind.told)
    what = task.partition("：")[2] if kind.name == REMINDER else task
    verb = "提醒" if kind.name == REMINDER else "结果"
    summary = f"{when}：{plain(what, 200)}，{verb}发到{place}。{cost}"
    if kind.name == REMINDER and given.at:
        summary = f"{when} {f'告诉{place}' if keys else f'在{place}里提醒一次'}：{plain(what, 200)}"
    stored = {"task": task, "cron": given.cron and read_cron(given.cron), "at": given.at, "to": keys}
    return ValidatedAction({name: value for name, value in stored.items() if value}, summary)


def _recipients(to: str, task: str, kind: str, person: Person) -> list[Recipient]:
    """Of a reminder whose words may be said to others, of a result who may read it. Raises InvalidInput, NotFound."""
    found = read_recipients(to, person, _NOTHING)
    if kind == REMINDER:
        cleaned(task, _NOTHING)
    else:
        demand_readers(found, _NOTHING)
    return found


def _when(given: CreateSchedule, *, told: bool) -> tuple[str, str]:
    """When in words, and what it costs. Raises InvalidInput."""
    if bool(given.cron) == bool(given.at):
        raise InvalidInput(f"请写明什么时候：{HELP}；只一次的写 {AT} 这样的。{_NOTHING}")
    now = timezone.localtime()
    if given.at:
        once = moment_of(given.at, now)
        return ("马上（一分钟内）" if given.at == NOW else f"{_spoken(once)}（一次）"), ""
    cron = read_cron(given.cron)
    following = "、".join(_spoken(each) for each in next_runs(cron, now))
    return describe(cron), f"接下来是 {following}{f'；每月约 {monthly(cron, now)} 条消息' if told else ''}。"


def moment_of(text: str, now: datetime) -> datetime:
    """The minute that is meant, aware; of 现在 the next one. Raises InvalidInput for one that is over."""
    if text == NOW:
        return now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    try:
        at = datetime.strptime(text.replace("T", " ")[:16], "%Y-%m-%d %H:%M").replace(tzinfo=now.tzinfo)
    except ValueError:
        raise InvalidInput(f"看不懂时间「{text[:40]}」：请写成 {AT} 这样的。{_NOTHING}") from None
    if at <= now:
        raise InvalidInput(f"{_spoken(at)} 已经过去了：请写以后的时间。{_NOTHING}")
    if at > now + timedelta(days=365):
        raise InvalidInput(f"「{text[:40]}」太远了：只做一次的最多一年以内。{_NOTHING}")
    return at


def timing(given: CreateSchedule) -> dict[str, Any]:
    """The time as a file writes it. Raises InvalidInput."""
    if not given.at:
        return {"cron": given.cron}
    at = moment_of(given.at, timezone.localtime())
    return {"cron": f"{at.minute} {at.hour} {at.day} {at.month} *", "once": True}


def create(given: CreateSchedule, actor: Actor, origin: Origin) -> str:
    """Done for a confirmed proposal: the result goes where it was proposed, or to whom it names, a task for each of them."""
    corp_id, _, staff_id = actor.ident.partition(":")
    owner = listed(corp_id, staff_id) if actor.kind == "person" else None
    config = SystemConfig.objects.filter(pk=origin.config_id).first()
    if owner is None or config is None:
        raise InvalidInput("只有登记的人员可以在会话里设置定时任务：请在「定时任务」页面设置。")
    found = read_recipients(given.to, person_of(owner, corp_id), _NOTHING) if given.to else []
    entry = {"task": given.task, **timing(given)}
    with transaction.atomic():
        rows = [
            schedules.save_task({**entry, "target": place}, actor, owner=owner)
            for place in [target_of(one, config) for one in found] or [_here(owner, config, origin)]
        ]
    places = "、".join(map(schedules.place_of, rows))
    ends = "、".join(f"「{says.delete_task(row.pk)}」" for row in rows)
    numbers = "、".join(str(row.pk) for row in rows)
    return f"已新建定时任务 {numbers}：{schedules.told_when(rows[0])}，{places}。不需要时发送{ends}。"


def target_of(one: Recipient, config: SystemConfig) -> dict[str, Any]:
    """A recipient as a file writes a target."""
    through = one.group.config if one.group else config
    return {**one.entry, "config": f"{through.kind}/{through.name}"}


def _here(owner: Staff, config: SystemConfig, origin: Origin) -> dict[str, Any]:
    place = (
        {"kind": "group", "conversation_id": origin.conversation_id}
        if origin.is_group
        else {"kind": "person", "staff_id": owner.staff_id}
    )
    return {**place, "config": f"{config.kind}/{config.name}"}


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
        "反复（cron）或只一次（at）做一件事：发报告、查一句、提醒一句话，结果发到这个会话、同事、值班人或群，例如每天早上9点把日报发给张三、明早8点提醒我看 db-01。"
        "只提出，由提问者本人确认后才生效。仅在提问者明确要求时调用。",
        "write",
        CreateSchedule,
        check_creation,
        act_there=create,
    ),
)
