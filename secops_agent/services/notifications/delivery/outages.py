"""Outages: administrators hear of a robot that is not connected for long, and of a program that does not run.

Of a robot once when it is down, once when it is there again; through the configurations that work, else a custom robot.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from bifang.channels.allowance import allowance
from bifang.channels.models import ClientStatus, Outage, OutboxRow, State
from bifang.channels.queues import outbox
from bifang.channels.text.markup import plain
from bifang.channels.workers.connection_health import RobotConnection, robot_connections
from bifang.channels.workers.processes import is_served
from bifang.channels.workers.programs import troubles
from bifang.core.database.db import database_now
from bifang.core.models import SystemConfig
from secops_agent.models import NotificationTarget, TargetKind
from secops_agent.services import links
from secops_agent.services.clock import clock
from secops_agent.services.notifications.delivery import administrators
from secops_agent.services.notifications.targets import Unreachable, resolve

log = logging.getLogger(__name__)
GRACE: Final = timedelta(minutes=5)  # longer than a restart, or than somebody takes to enter a new secret
PAUSE: Final = timedelta(hours=1)  # a connection that comes and goes must not use up the quota of the others
OUTCOME: Final = timedelta(minutes=10)  # after which it is no longer looked whether a message was refused
ROBOT: Final = "robot"  # how the key of what a custom robot says ends
NO_WAY: Final = (
    "没有别的途径告诉管理员：需要另一个连着的钉钉或飞书配置（启用了通知，有角色为「管理」的人员），"
    "或通知规则里的一个自定义机器人。"
)


@dataclass(frozen=True, slots=True)
class Notice:
    """What is said; ``key`` is one for everybody whom it is said to."""

    key: str
    title: str
    text: str


def tell_programs() -> int:
    """Tell of programs that are dead or behind, each once a day; how many messages. Raises DatabaseError."""
    now, count = database_now(), 0
    found = [
        each
        for each in troubles(checked=True)
        if not each.last_seen or now - each.last_seen > GRACE or each.alive
    ]
    ways = ways_of(robot_connections()) if found else set()
    for each in found:
        head = f"毕方的{each.program.label}进程{'落后' if each.alive else '没有运行'}"
        notice = Notice(f"program:{each.program.name}:{now:%Y%m%d}", head, f"**{head}**\n\n{each.trouble}。")
        if not OutboxRow.objects.filter(key__startswith=f"note:{notice.key}:").exists():
            log.error("%s", each.trouble)
            with transaction.atomic():
                count += administrators.tell_through(ways, head, notice.text, key=notice.key) or tell_robot(
                    notice
                )
    return count


def step() -> int:
    """Look at every connection, begin and end outages, tell of them; how many messages. Raises DatabaseError."""
    now, found = database_now(), robot_connections()
    rows = {row.config_id: row for row in Outage.objects.all()}
    if forgotten := set(rows) - {one.config.pk for one in found}:  # switched off: nobody waits for it
        Outage.objects.filter(config__in=forgotten).delete()
    if not rows and not any(one.is_down for one in found):
        return 0
    ways = ways_of(found)
    return sum(_look(one, rows.get(one.config.pk), ways, now) for one in found)


def ways_of(found: list[RobotConnection]) -> set[int]:
    """The configurations that can carry a message now. Whether they may speak unasked is asked where they are chosen."""
    connected = {one.config.pk: one.is_up for one in found}
    able = {
        row.pk for row in SystemConfig.objects.chats() if connected.get(row.pk, True) and is_served(row.pk)
    }
    return {pk for pk in able if allowance(pk).percent < 100}


def _look(one: RobotConnection, row: Outage | None, ways: set[int], now: datetime) -> int:
    if one.is_down and (row is None or row.since is None):
        Outage.objects.get_or_create(config=one.config)
        Outage.objects.filter(config=one.config, since=None).update(since=now, problem="")
    elif row is None or row.since is None:
        return 0
    elif one.is_up:
        return _tell_over(one, row, row.since, ways, now)
    elif one.is_down and now - row.since >= GRACE:
        return _tell_down(one, row, row.since, ways, now)
    elif not one.is_down and not row.known:  # the service was stopped: it begins anew with the next start
        Outage.objects.filter(pk=row.pk).update(since=None, problem="")
    return 0


def _tell_down(one: RobotConnection, row: Outage, since: datetime, ways: set[int], now: datetime) -> int:
    """Again by a custom robot, where everybody's message was refused. Nothing, soon after the last outage."""
    notice = _down(one, since)
    refused = _refused(notice, row, now) if row.known else {}
    if (row.known and not refused) or (row.told_at and not row.known and now - row.told_at < PAUSE):
        return 0
    with transaction.atomic():
        count = (
            0 if row.known else administrators.tell_through(ways, notice.title, notice.text, key=notice.key)
        )
        if not count and f"note:{notice.key}:{ROBOT}" not in refused:
            count = tell_robot(notice)
        problem = "" if count else next(iter(refused.values()), NO_WAY)
        told_at = now if count else row.told_at
        Outage.objects.filter(pk=row.pk, since=since).update(told_at=told_at, problem=problem)
    if problem and problem != row.problem:
        log.error("%s，管理员没有得知：%s", notice.title, problem, extra={"config": one.config.pk})
    return count


def _tell_over(one: RobotConnection, row: Outage, since: datetime, ways: set[int], now: datetime) -> int:
    """To whoever heard that it is down. Where nobody could hear it, now they can, if need be through itself."""
    notice = _over(one, row, since, now)
    with transaction.atomic():
        won = Outage.objects.filter(pk=row.pk, since=since).update(since=None, problem="")
        if not won or not (row.known or row.problem):
            return 0
        others = ways - {one.config.pk}
        count = (
            administrators.tell_through(others, notice.title, notice.text, key=notice.key)
            or tell_robot(notice)
            or administrators.tell_through(ways, notice.title, notice.text, key=notice.key)
        )
        Outage.objects.filter(pk=row.pk).update(told_at=now if count else row.told_at)
    return count


def _refused(notice: Notice, row: Outage, now: datetime) -> Mapping[str, str]:
    """Key → reason, where every message was refused; nothing while one is under way, or arrived."""
    if row.told_at is None or now - row.told_at > OUTCOME:
        return {}
    said = OutboxRow.objects.filter(key__startswith=f"note:{notice.key}:")
    rows = list(said.values_list("key", "state", "last_error"))
    if any(state != State.DEAD for _, state, _ in rows):
        return {}
    return {key: f"发给管理员的消息被拒绝：{reason}" for key, _, reason in rows}


def tell_robot(notice: Notice) -> int:
    """The first custom robot of a rule that works: its address needs no credentials of an application."""
    targets = NotificationTarget.objects.filter(kind=TargetKind.WEBHOOK, rule__enabled=True, last_error="")
    for target in targets.select_related("config").order_by("pk"):
        try:
            address = resolve(target, database_now())
        except Unreachable:
            continue
        paid = allowance(address.config_id, "messages").percent < 100
        if paid and is_served(address.config_id):
            key = f"{notice.key}:{ROBOT}"
            outbox.notify(address.config_id, address.target, notice.text, key=key, title=notice.title)
            return 1
    return 0


def _down(one: RobotConnection, since: datetime) -> Notice:
    name, title = plain(one.config.name, 60), one.service.title
    status = ClientStatus(one.status or ClientStatus.STOPPED).label
    lines = [
        f"- 状态：{status}，从 {clock(since)} 起",
        f"- 原因：{plain(one.error, 300) or '还没有连上，没有收到答复'}",
        f"- 影响：收不到{title}里发给它的消息，也不回答；靠它发送的告警可能无法送达",
        f"- 怎么办：{_remedy(one)}",
    ]
    head = f"{title}机器人「{name}」没有连上"
    key = f"outage:{one.config.pk}:{since.timestamp():.0f}:down"
    return Notice(key, head, "\n".join((f"**{head}**", "", *lines)))


def _over(one: RobotConnection, row: Outage, since: datetime, now: datetime) -> Notice:
    head = f"{one.service.title}机器人「{plain(one.config.name, 60)}」恢复了"
    minutes = round((now - since).total_seconds() / 60)
    lines = [f"- 中断：{clock(since)} 到 {clock(now)}（{minutes} 分钟）"]
    lines += [f"- 当时没有告知：{plain(row.problem, 300)}"] if row.problem else []
    key = f"outage:{one.config.pk}:{since.timestamp():.0f}:over"
    return Notice(key, head, "\n".join((f"**{head}**", "", *lines)))


def _remedy(one: RobotConnection) -> str:
    """What mends it, and where."""
    page = links.named(f"系统配置（ID {one.config.pk}）", links.record("systemconfig", one.config.pk))
    if one.status == ClientStatus.PARKED:
        return (
            f"在{one.service.title}开放平台核对 {one.service.credentials}，填到{page}后保存，几秒内自动重试"
        )
    if one.status == ClientStatus.STOPPED:
        return f"按上面的原因处理；{page}里有连接状态和检查"
    return f"打开{page}点「测试连接」，或在服务器上执行 python manage.py {one.service.check}，按提示处理；网络恢复后自动重连"
