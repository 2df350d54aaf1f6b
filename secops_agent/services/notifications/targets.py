"""Targets: what they name must exist when they are saved, and where they lead is found when something is told."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import F, QuerySet
from django.utils import timezone

from bifang.channels.allowance import Means
from bifang.channels.known_groups import withheld
from bifang.channels.models import KnownGroup
from bifang.channels.ports import ReplyTarget
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent.models import (
    AlertMessage,
    CallMeans,
    MessageState,
    NotificationRule,
    NotificationTarget,
    OnCallSchedule,
    Staff,
    TargetKind,
)
from secops_agent.models.people.staff import RANK, Role
from secops_agent.services.chats import find_chat, label_of, speaks
from secops_agent.services.clock import clock
from secops_agent.services.notifications import robots
from secops_agent.services.notifications.calls import fits, permitted
from secops_agent.services.notifications.conditions import TargetEntry
from secops_agent.services.notifications.preferences import preference_of
from secops_agent.services.notifications.robots import Grant
from secops_agent.services.on_call.schedules import has_people
from secops_agent.services.on_call.shifts import SOON, next_on_call, on_call_at, unmanned
from secops_agent.services.people.applications import reached_by, why_not
from secops_agent.services.privacy import may_read

MOST_OF_ROLE: Final = 20


class Unreachable(InvalidInput):
    """Nobody can be told there now; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a message goes now; ``name`` is for people, ``staff`` the one who reads it in private."""

    config_id: int
    target: ReplyTarget
    name: str
    staff: Staff | None = None

    @property
    def hides_private(self) -> bool:
        """Are private parts left out: in a group, or for want of the role?"""
        return self.staff is None or not may_read(self.staff.role)


def read_target(entry: TargetEntry, step: int | None, by: str = "") -> NotificationTarget:
    """An unsaved target. Raises InvalidInput if what it names does not exist."""
    by = CallMeans.GATEWAY if entry.kind == TargetKind.GATEWAY else by
    row = NotificationTarget(kind=entry.kind, step=step, by=by)
    if entry.kind != "webhook" or entry.config:
        row.config = find_chat(entry.config)
    match entry.kind:
        case "webhook":
            robots.fill(row, entry)
            row.config = robots.paying(row.config)
        case "group":
            if not entry.conversation_id:
                raise InvalidInput(
                    "目标 group 缺少 conversation_id：在群里 @ 一次机器人后，可以在「已知的群」里看到。"
                )
            row.conversation_id = _conversation(row.config, entry.conversation_id)
        case "role":
            row.role = _role(entry.role, step)
        case "on_call" | "next" | "gateway" if entry.schedule or entry.kind != TargetKind.GATEWAY:
            row.schedule = _schedule(entry.schedule)
        case _:
            row.staff = _staff(entry.staff_id, row.config)
    if by and (wrong := fits(row.config, by)):
        raise InvalidInput(f"{wrong}：请换一种，或换一个配置。")
    return row


def _schedule(name: str) -> OnCallSchedule:
    row = OnCallSchedule.objects.filter(name=name).first()
    if row is None:
        raise InvalidInput(f"没有名为「{name[:50]}」的值班表。")
    return row


def _conversation(config: SystemConfig | None, conversation_id: str) -> str:
    """As it was given: a file may name a group before anyone has spoken to the robot there (`doubt` says so)."""
    groups = KnownGroup.objects.filter(config=config)
    known, corporation = groups.filter(conversation_id=conversation_id).first(), config and config.corporation
    if known is not None and corporation and known.corp_id != corporation:
        raise InvalidInput(f"群「{known}」属于另一个企业，不能接收通知。")
    named = None if known else groups.filter(title=conversation_id).first()
    if named is not None:
        raise InvalidInput(f"conversation_id 要写群「{named}」的会话 ID：{named.conversation_id}。")
    return conversation_id


def doubt(target: NotificationTarget) -> str:
    """What is not known of a place that a file named, or that nobody is there; "" if it is known, or something has
    arrived there."""
    if target.schedule is not None:
        return "" if has_people(target.schedule) else _deserted(target.schedule.name)
    if target.kind != TargetKind.GROUP:
        return ""
    told = AlertMessage.objects.filter(target_id=target.pk, sent_at__isnull=False)
    if target.known_group or told.exclude(state=MessageState.UNDELIVERABLE).exists():
        return ""
    return f"群 {target.conversation_id} 里还没有人 @ 过机器人，不知道它在不在群里：请在群里 @ 它一次。"


def _deserted(names: str) -> str:
    return f"值班表「{names}」没有人值班，叫不醒任何人：请补上班次，或换一个目标。"


def unwoken(rows: Sequence[NotificationTarget]) -> str:
    """When these, all of them rotas, lead to nobody in the next two weeks; else ""."""
    rotas = [each.schedule for each in rows if each.schedule is not None]
    found = unmanned(rotas, timezone.now()) if rotas and len(rotas) == len(rows) else []
    if not found:
        return ""
    names = "」「".join(each.name for each in rotas)
    if found[0].end - found[0].start >= SOON:
        return _deserted(names)
    first = f"{clock(found[0].start)} — {clock(found[0].end)}"
    return f"值班表「{names}」两周内有 {len(found)} 段时间没有人，那时叫不醒任何人，最近一段 {first}：请补上班次，或加一个目标。"


def _role(role: str, step: int | None) -> str:
    """Everyone of a role is for steps of escalation only: at once, it would be a message to each for each alert."""
    if role not in RANK or role == Role.NONE:
        known = "、".join(name for name in RANK if name != Role.NONE)
        raise InvalidInput(f"目标 role 的 role：「{role[:20]}」不是角色；可用的有：{known}。")
    if step is None:
        raise InvalidInput("目标 role 只能用在 escalate 里：请改用 group 或 on_call。")
    return role


def _staff(staff_id: str, config: SystemConfig | None) -> Staff:
    own = config and config.corporation
    listed = Staff.objects.filter(staff_id=staff_id, active=True)
    rows = list((listed.filter(corp_id__in=("", own)) if own else listed)[:2])
    if len(rows) != 1:
        raise InvalidInput(f"staff_id「{staff_id[:50]}」{'在几个企业里都有' if rows else '不在人员名单中'}。")
    if config is not None and reached_by(config, rows[0]) is None:
        raise InvalidInput(why_not(config, rows[0]))
    return rows[0]


def replace(rule: NotificationRule, rows: Sequence[NotificationTarget], grant: Grant) -> list[str]:
    """Give a rule these targets; those that stay the same keep their messages. Says which robots are new or changed."""
    stored = list(rule.targets.all())
    known = {(each.step, destination(each)): each for each in stored}
    changed = [
        row for row in rows if row.url and not any(robots.is_same(each, row) for each in stored if each.url)
    ]
    for row in changed:
        robots.demand(grant, row)
    for row in rows:
        old = known.pop((row.step, destination(row)), None)
        if old is None:
            row.rule = rule
            row.save()
        elif any(row is each for each in changed):
            robots.adopt(old, row)
        elif old.by != row.by:
            old.by = row.by
            old.save(update_fields=["by"])
    for each in known.values():
        hand_over(each)
        each.delete()
    return [describe(row) for row in changed]


def same_place(target: NotificationTarget) -> "QuerySet[NotificationTarget]":
    """This target in whatever rule, and wherever in it."""
    rows = NotificationTarget.objects.filter(
        kind=target.kind, conversation_id=target.conversation_id, staff=target.staff_id, schedule=target.schedule_id,
        role=target.role,
    )  # fmt: skip
    return rows if target.kind == TargetKind.WEBHOOK else rows.filter(config=target.config_id)


def hand_over(target: NotificationTarget) -> None:
    """Before it goes: what other rules want told in the same place, too, is told because of one of them."""
    others = same_place(target).exclude(rule=target.rule_id).order_by(F("step").asc(nulls_first=True), "pk")
    if (other := others.first()) is not None:
        AlertMessage.objects.filter(target=target).exclude(kind="escalation").update(target=other)


def destination(target: NotificationTarget, person: Staff | None = None) -> str:
    """The digest of where a target leads: the same for two rules with the same target, for one robot whoever pays for it.

    ``person``: one of several.
    """
    config_id = None if target.kind == TargetKind.WEBHOOK else target.config_id
    parts = [target.kind, config_id, target.conversation_id, target.staff_id, target.schedule_id]
    parts += [target.role] if target.role else []
    parts = ["person", target.config_id, "", person.pk, None] if person else parts
    return hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=16).hexdigest()


def means_of(target: NotificationTarget) -> Means:
    """What of the quota a message to it is paid with."""
    return "messages" if target.kind == TargetKind.WEBHOOK else "calls"


def group_name(target: NotificationTarget) -> str:
    """The group as people call it; the id that a file named, if nobody there has spoken to the robot."""
    return str(target.known_group or target.conversation_id)


def know_groups(targets: Iterable[NotificationTarget]) -> None:
    """Looks up at once what pages name of the groups of several. One query, none without a group."""
    of_groups = [each for each in targets if each.kind == TargetKind.GROUP]
    rows = KnownGroup.objects.filter(conversation_id__in={each.conversation_id for each in of_groups})
    known = {(row.config_id, row.conversation_id): row for row in rows}
    for each in of_groups:
        each.known_group = known.get((each.config_id or 0, each.conversation_id))


def describe(target: NotificationTarget) -> str:
    """One line for people, without secrets: the step and the place."""
    when = f"第 {target.step + 1} 步：" if target.step is not None else ""
    called = target.by and target.kind != TargetKind.GATEWAY
    by = f"，{target.get_by_display()}" if called else ""
    return f"{when}{place_of(target)}{by}"


def place_of(target: NotificationTarget) -> str:
    """群 安全值班群, 值班人 安全值班, …"""
    what = {
        TargetKind.GROUP: group_name(target) if target.kind == TargetKind.GROUP else "",
        TargetKind.PERSON: str(target.staff or ""),
        TargetKind.ON_CALL: str(target.schedule or ""),
        TargetKind.NEXT: str(target.schedule or ""),
        TargetKind.ROLE: str(target.get_role_display()),
        TargetKind.WEBHOOK: robots.describe_robot(target),
        TargetKind.GATEWAY: str(target.schedule or target.staff or ""),
    }[TargetKind(target.kind)]
    return f"{target.get_kind_display()} {what}".strip()


def resolve(target: NotificationTarget, now: datetime, person: Staff | None = None) -> Address:
    """Where it leads at this moment; ``person`` is the one of several that is meant. Raises Unreachable."""
    config = target.config
    if config is None:
        raise Unreachable("目标没有配置：请给规则换一个目标。")
    if not config.enabled or config.archived_at:
        raise Unreachable(f"{label_of(config)}配置「{config}」已停用：请启用它，或给规则换一个目标。")
    if not speaks(config):
        label = label_of(config)
        raise Unreachable(f"{label}配置「{config.name}」没有启用{label}通知：请在系统配置中启用。")
    if target.kind == TargetKind.WEBHOOK:
        robot = ReplyTarget(target.conversation_id, is_group=True, robot=target.uid)
        return Address(config.pk, robot, robots.describe_robot(target))
    if target.kind == TargetKind.GROUP and person is None:
        return _group_address(target, config)
    staff = person or _person(target, now)
    if staff is None or not staff.acts:
        raise Unreachable(f"「{staff or '这位人员'}」已离开，或登录已停用：请给规则换一个目标。")
    if staff.role == Role.NONE and target.rule_id and target.rule.ends_at:
        raise Unreachable(f"「{staff}」没有查看权限，不告诉他盯着的告警：请管理员在「人员」里给一个角色。")
    if target.kind == TargetKind.GATEWAY and not permitted(target.by, preference_of(staff).calls):
        raise Unreachable(f"「{staff}」在通知偏好里选了不用电话叫：请本人改，或给规则换一个目标。")
    return private_address(config, staff)


def private_address(config: SystemConfig, staff: Staff) -> Address:
    """Somebody's own chat. Raises Unreachable for another corporation's, where the same id is somebody else's, and for
    an id of another application."""
    own = config.corporation
    if own and staff.corp_id not in ("", own):
        raise Unreachable(
            f"「{staff}」不属于{label_of(config)}配置「{config.name}」的企业，不能由它发送：请换成本企业的人员，或换一个配置。"
        )
    account = reached_by(config, staff)
    if account is None:
        raise Unreachable(why_not(config, staff))
    return Address(config.pk, ReplyTarget("", is_group=False, staff_id=account.staff_id), staff.name, staff)


def _person(target: NotificationTarget, now: datetime) -> Staff | None:
    schedule = target.schedule
    if schedule is None:
        return target.staff
    if target.kind == TargetKind.NEXT:
        if (after := next_on_call(schedule, now)) is None:
            raise Unreachable(f"「{schedule.name}」一个月内没有下一位：请补上班次。")
        return after
    if (staff := on_call_at(schedule, now).staff) is None:
        raise Unreachable(f"「{schedule.name}」现在无人值班：请补上班次。")
    return staff


def place_at(target: NotificationTarget, at: datetime) -> str:
    """The place, with who a rota leads to at that time: 值班人 安全值班（王五）."""
    if target.schedule is None:
        return place_of(target)
    try:
        person = _person(target, at)
    except Unreachable:
        person = None
    return f"{place_of(target)}（{person.name if person else '那时没有人'}）"


def members(target: NotificationTarget) -> list[Staff]:
    """Those of its corporation whose role it names: the role itself, none above it; at most `MOST_OF_ROLE`."""
    corporation = target.config.corporation if target.config else ""
    people = Staff.objects.acting().filter(role=target.role)
    if corporation:
        people = people.filter(corp_id__in=("", corporation))
    return list(people.order_by("pk")[:MOST_OF_ROLE])


def _group_address(target: NotificationTarget, config: SystemConfig) -> Address:
    """As the group is now. Raises Unreachable for one to which nothing goes any more."""
    group = target.group_now()
    name = str(group) if group else target.conversation_id
    if group and (why := withheld(group)):
        raise Unreachable(f"{why}，或给规则换一个群。")
    return Address(config.pk, ReplyTarget(target.conversation_id, is_group=True), name)
