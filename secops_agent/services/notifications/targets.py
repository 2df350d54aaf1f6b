"""Targets: what they name must exist when they are saved, and where they lead is found when something is told."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bifang.channels.models import GroupState, KnownGroup
from bifang.channels.ports import ReplyTarget
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent.models import (
    AlertMessage,
    MessageState,
    NotificationRule,
    NotificationTarget,
    OnCallSchedule,
    Staff,
    TargetKind,
)
from secops_agent.services.notifications.conditions import TargetEntry
from secops_agent.services.on_call.shifts import on_call_at


class Unreachable(InvalidInput):
    """Nobody can be told there now; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a message goes now; ``name`` is for people."""

    config_id: int
    target: ReplyTarget
    name: str


def read_target(entry: TargetEntry, step: int | None) -> NotificationTarget:
    """An unsaved target. Raises InvalidInput if what it names does not exist."""
    if entry.kind == "webhook":
        raise InvalidInput("自定义机器人目标还不能使用：请改用 group。")
    row = NotificationTarget(kind=entry.kind, step=step, config=_config(entry.config))
    match entry.kind:
        case "group":
            if not entry.conversation_id:
                raise InvalidInput(
                    "目标 group 缺少 conversation_id：在群里 @ 一次机器人后，可以在「已知的群」里看到。"
                )
            row.conversation_id = _conversation(row.config, entry.conversation_id)
        case "person":
            row.staff = _staff(entry.staff_id)
        case "on_call":
            row.schedule = OnCallSchedule.objects.filter(name=entry.schedule).first()
            if row.schedule is None:
                raise InvalidInput(f"没有名为「{entry.schedule[:50]}」的值班表。")
    return row


def _conversation(config: SystemConfig | None, conversation_id: str) -> str:
    """As it was given: a file may name a group before anyone has spoken to the robot there (`doubt` says so)."""
    groups = KnownGroup.objects.filter(config=config)
    known, corporation = (
        groups.filter(conversation_id=conversation_id).first(),
        config and config.params.get("corp_id"),
    )
    if known is not None and corporation and known.corp_id != corporation:
        raise InvalidInput(f"群「{known}」属于另一个企业，不能接收通知。")
    named = None if known else groups.filter(title=conversation_id).first()
    if named is not None:
        raise InvalidInput(f"conversation_id 要写群「{named}」的会话 ID：{named.conversation_id}。")
    return conversation_id


def doubt(target: NotificationTarget) -> str:
    """What is not known of a place that a file named; "" if it is known, or something has arrived there."""
    if target.kind != TargetKind.GROUP:
        return ""
    known = KnownGroup.objects.filter(config_id=target.config_id, conversation_id=target.conversation_id)
    told = AlertMessage.objects.filter(target=target, sent_at__isnull=False)
    if known.exists() or told.exclude(state=MessageState.UNDELIVERABLE).exists():
        return ""
    return f"群 {target.conversation_id} 里还没有人 @ 过机器人，不知道它在不在群里：请在群里 @ 它一次。"


def _config(name: str) -> SystemConfig:
    row = SystemConfig.objects.current().filter(kind="dingtalk", name=name).first()
    if row is None:
        raise InvalidInput(f"没有名为「{name[:50]}」的钉钉配置。")
    return row


def _staff(staff_id: str) -> Staff:
    rows = list(Staff.objects.filter(staff_id=staff_id, active=True)[:2])
    if len(rows) != 1:
        raise InvalidInput(f"staff_id「{staff_id[:50]}」{'在几个企业里都有' if rows else '不在人员名单中'}。")
    return rows[0]


def replace(rule: NotificationRule, rows: Sequence[NotificationTarget]) -> None:
    """Give a rule these targets; those that stay the same keep their messages."""
    known = {(each.step, destination(each)): each for each in rule.targets.all()}
    for row in rows:
        if known.pop((row.step, destination(row)), None) is None:
            row.rule = rule
            row.save()
    for each in known.values():
        each.delete()


def destination(target: NotificationTarget) -> str:
    """The digest of where a target leads: the same for two rules with the same target."""
    parts = (target.kind, target.config_id, target.conversation_id, target.staff_id, target.schedule_id)
    return hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=16).hexdigest()


def group_name(target: NotificationTarget) -> str:
    """The group as people call it, else its id."""
    known = KnownGroup.objects.filter(config_id=target.config_id, conversation_id=target.conversation_id)
    return known.values_list("title", flat=True).first() or target.conversation_id


def describe(target: NotificationTarget) -> str:
    """One line for people, without secrets: the step and the place."""
    when = f"第 {target.step + 1} 步：" if target.step is not None else ""
    return f"{when}{place_of(target)}"


def place_of(target: NotificationTarget) -> str:
    """群 安全值班群, 值班人 安全值班, …"""
    what = {
        TargetKind.GROUP: group_name(target),
        TargetKind.PERSON: str(target.staff or ""),
        TargetKind.ON_CALL: str(target.schedule or ""),
    }.get(TargetKind(target.kind), "****")
    return f"{target.get_kind_display()} {what}".strip()


def resolve(target: NotificationTarget, now: datetime) -> Address:
    """Where it leads at this moment. Raises Unreachable."""
    config = target.config
    if config is None or not config.enabled or config.archived_at:
        raise Unreachable(f"钉钉配置「{config or ''}」已停用：请启用它，或给规则换一个目标。")
    if not config.params.get("notifications_enabled", True):
        raise Unreachable(f"钉钉配置「{config.name}」没有启用钉钉通知：请在系统配置中启用。")
    if target.kind == TargetKind.GROUP:
        return _group_address(target, config)
    staff = target.staff
    if target.kind == TargetKind.ON_CALL and target.schedule is not None:
        staff = on_call_at(target.schedule, now).staff
        if staff is None:
            raise Unreachable(f"「{target.schedule.name}」现在无人值班：请补上班次。")
    if staff is None or not staff.active:
        raise Unreachable(f"「{staff or '这位人员'}」已离开：请给规则换一个目标。")
    return Address(config.pk, ReplyTarget("", is_group=False, staff_id=staff.staff_id), staff.name)


def _group_address(target: NotificationTarget, config: SystemConfig) -> Address:
    """Raises Unreachable for a group to which nothing goes any more."""
    group = KnownGroup.objects.filter(config=config, conversation_id=target.conversation_id).first()
    name = str(group) if group else target.conversation_id
    if group and group.state == GroupState.OUTSIDERS:
        raise Unreachable(
            f"群「{name}」里有外部人员，已停止推送：请移出外部人员后由管理员在「已知的群」里恢复推送，或给规则换一个群。"
        )
    if group and group.state == GroupState.REMOVED:
        raise Unreachable(
            f"群「{name}」已解散，或机器人已被移除：请在群里重新添加机器人并 @ 一次，或给规则换一个群。"
        )
    return Address(config.pk, ReplyTarget(target.conversation_id, is_group=True), name)
