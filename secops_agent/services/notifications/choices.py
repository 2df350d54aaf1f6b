"""Choices of targets: what people pick from a list instead of writing a file."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from django.utils import timezone

from bifang.channels.models import KnownGroup
from bifang.core.models import SystemConfig
from secops_agent.models import NotificationTarget, OnCallSchedule, Role, Staff, TargetKind
from secops_agent.services.chats import name_of
from secops_agent.services.notifications.targets import place_of
from secops_agent.services.people.applications import reachable
from secops_agent.services.people.logins import homes_of
from secops_agent.services.people.staff import written_as

MOST_PEOPLE: Final = 500


@dataclass(frozen=True, slots=True)
class Choice:
    """``key`` stands for ``entry``, which is as a file would write it; ``section`` is the kind in words."""

    section: str
    key: str
    label: str
    entry: dict[str, str]


def choices(user: Any, *, gateway: bool = False) -> list[Choice]:
    """What this login may choose: groups that the robot knows in its own corporation, people of the corporation whom it
    reaches, schedules. Only those of the login's own corporations; a superuser's, and of a token without owner (None): all.
    ``gateway``: also who is only called by the company's own gateway."""
    own = None if user and user.is_superuser else homes_of(user)
    homes = None if own is None else frozenset(name for home in own for name in written_as(home))
    schedules = list(OnCallSchedule.objects.filter(enabled=True))
    people, groups = cache(_people), defaultdict(list)
    for group in KnownGroup.objects.order_by("title"):
        groups[group.config_id].append(group)
    found = [
        choice
        for config in SystemConfig.objects.chats().order_by("name", "pk")
        if _within(homes, config.corporation)
        for choice in (
            *_groups(config, [each for each in groups[config.pk] if _within(homes, each.corp_id)]),
            *_of(config, schedules, _at_home(homes, reachable(config, people(config.corporation)))),
        )
    ]
    called = [each for each in found if each.entry["kind"] in ("person", "on_call")] if gateway else []
    return found + [
        Choice(
            str(TargetKind.GATEWAY.label),
            f"gateway:{each.key}",
            each.label,
            {**each.entry, "kind": "gateway"},
        )
        for each in called
    ]


def _within(homes: frozenset[str] | None, corporation: str) -> bool:
    return homes is None or corporation in homes


def _at_home(homes: frozenset[str] | None, people: Iterable[Staff]) -> list[Staff]:
    return [each for each in people if _within(homes, each.corp_id)]


def robot_choices() -> list[Choice]:
    """The custom robots that some rule has already."""
    rows = NotificationTarget.objects.filter(kind=TargetKind.WEBHOOK).select_related("config", "rule")
    return [choice_of(row) for row in rows.order_by("-pk")]


def _people(corporation: str) -> list[Staff]:
    """Those of a corporation; of every one where it is not known."""
    people = Staff.objects.acting().order_by("name")
    return list((people.filter(corp_id__in=written_as(corporation)) if corporation else people)[:MOST_PEOPLE])


def _groups(config: SystemConfig, groups: Sequence[KnownGroup]) -> Iterator[Choice]:
    name, corporation = name_of(config), config.corporation
    named = Counter(group.title for group in groups)
    for group in groups:
        if not corporation or group.corp_id == corporation:
            entry = {"kind": "group", "config": name, "conversation_id": group.conversation_id}
            alike = f" · …{group.conversation_id[-8:]}" if named[group.title] > 1 else ""
            label = _told(group, config) + alike
            yield Choice("群", f"group:{config.pk}:{group.conversation_id}", label, entry)


def _of(
    config: SystemConfig, schedules: Sequence[OnCallSchedule], people: Sequence[Staff]
) -> Iterator[Choice]:
    name = name_of(config)
    for schedule in schedules:
        entry = {"kind": "on_call", "config": name, "schedule": schedule.name}
        yield Choice(
            "值班人", f"on_call:{config.pk}:{schedule.pk}", f"{schedule.name} · {config.name}", entry
        )
    yield from _of_steps(config, name, schedules)
    for staff in people:
        entry = {"kind": "person", "config": name, "staff_id": staff.staff_id}
        yield Choice(
            "个人", f"person:{config.pk}:{staff.pk}", f"{staff}（{staff.staff_id}）· {config.name}", entry
        )


def _of_steps(config: SystemConfig, name: str, schedules: Sequence[OnCallSchedule]) -> Iterator[Choice]:
    """What only a step of escalation may name, and the next in a rotation."""
    for schedule in schedules:
        entry = {"kind": "next", "config": name, "schedule": schedule.name}
        yield Choice(
            "下一位值班人",
            f"next:{config.pk}:{schedule.pk}",
            f"{schedule.name}的下一位 · {config.name}",
            entry,
        )
    for role in Role:
        if role != Role.NONE:
            entry = {"kind": "role", "config": name, "role": role.value}
            yield Choice(
                "角色的每个人（升级）",
                f"role:{config.pk}:{role.value}",
                f"角色是{role.label}的每个人 · {config.name}",
                entry,
            )


def _told(group: KnownGroup, config: SystemConfig) -> str:
    """Whoever chooses sees which group it is: names are easily imitated."""
    when = timezone.localtime(group.learned_at)
    by = f"{group.learned_by}（{group.learned_by_id}）"
    return f"{group} · {config.name} · {when:%Y-%m-%d} 由 {by} 得知"


def choice_of(target: NotificationTarget) -> Choice:
    """A target that is there already: it may stay, even if it could not be chosen any more."""
    if target.kind == TargetKind.WEBHOOK:
        label = f"{place_of(target)}（规则「{target.rule}」）"
        return Choice(
            "自定义机器人", f"webhook:{target.conversation_id}", label, {"kind": "webhook", "uid": target.uid}
        )
    ident = {
        TargetKind.GROUP: target.conversation_id,
        TargetKind.PERSON: str(target.staff_id),
        TargetKind.ON_CALL: str(target.schedule_id),
        TargetKind.NEXT: str(target.schedule_id),
        TargetKind.ROLE: target.role,
        TargetKind.GATEWAY: str(target.staff_id or target.schedule_id),
    }.get(TargetKind(target.kind), target.uid)
    entry = {
        "kind": target.kind,
        "config": name_of(target.config) if target.config else "",
        "conversation_id": target.conversation_id,
        "staff_id": target.staff.staff_id if target.staff else "",
        "schedule": target.schedule.name if target.schedule else "",
        "role": target.role,
    }
    label = f"{place_of(target)} · {target.config or ''}（不在可选的列表中）"
    who = "person" if target.staff else "on_call"
    kind = f"gateway:{who}" if target.kind == TargetKind.GATEWAY else target.kind
    return Choice("现在的目标", f"{kind}:{target.config_id}:{ident}", label, entry)
