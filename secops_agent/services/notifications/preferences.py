"""Preferences of people: where they want to be told, and when not. 严重 and escalations are never held by quiet hours."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from django.db import transaction
from django.db.models import Exists, OuterRef, Prefetch, Q
from django.utils import timezone
from pydantic import Field

from bifang.core.configuration.entries import read_entry
from bifang.core.errors import InvalidInput
from secops_agent.models import (
    AlertMessage,
    MessageState,
    NotificationPreference,
    NotificationRule,
    NotificationTarget,
    OnCallSchedule,
    Reached,
    Role,
    Staff,
    TargetKind,
)
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.notifications.conditions import Hours, QuietHours

MOST_REMINDERS: Final = 10
IN_GROUP: Final = "本人选择只在群里接收"


class PreferenceEntry(QuietHours):
    """One person's wishes, as the file of apply_configs writes them."""

    staff_id: str = Field(min_length=1, max_length=100)
    usual: Literal["private", "group"] = "private"
    urgent: Literal["private", "group"] = "private"
    calls: Literal["none", "app", "sms", "call"] = "call"
    reminders: int = Field(3, ge=0, le=MOST_REMINDERS)


@dataclass(frozen=True, slots=True)
class Waker:
    """A rule that tells somebody in private: what it is about, and each occasion in words."""

    rule: str
    conditions: Mapping[str, Any]
    when: tuple[str, ...]


def wakers(people: Sequence[Staff]) -> list[Waker]:
    """The rules in use that tell one of these accounts, of one person, by name, by a rota they are in, or by their role; two
    queries."""
    mine = {each.pk for each in people}
    later = Q(overrides__staff__in=people, overrides__ends_at__gt=timezone.now())
    theirs = OnCallSchedule.objects.filter(
        later | Q(layers__members__staff__in=people), pk=OuterRef("schedule")
    )
    targets = NotificationTarget.objects.select_related("schedule", "config").annotate(
        of_theirs=Exists(theirs)
    )
    rules = NotificationRule.objects.filter(enabled=True).prefetch_related(Prefetch("targets", targets))
    found = []
    for rule in rules.order_by("name"):
        when = tuple(_occasions(rule, people, mine))
        if when:
            found.append(Waker(rule.name, rule.conditions, when))
    return found


def _occasions(rule: NotificationRule, people: Sequence[Staff], mine: set[int]) -> Iterator[str]:
    """In the order in which they come."""
    rows = list(rule.targets.all())
    for step in (None, *range(len(rule.escalate))):
        after = "" if step is None else f"{sum(rule.escalate[: step + 1])} 分钟没有人处理，"
        here = [each for each in rows if each.step == step]
        if any(each.staff_id in mine for each in here):
            yield f"{after}叫您" if after else "马上"
        for each in here:
            if each.schedule is not None and getattr(each, "of_theirs", False):
                who = "您是下一位" if each.kind == TargetKind.NEXT else "您值班"
                yield f"{after}「{each.schedule.name}」{who}时"
            if each.role and any(_has_role(person, each) for person in people):
                yield f"{after}叫每位{each.get_role_display()}"
        if step is not None and not here and any(each.role == Role.ADMIN for each in people):
            yield f"{after}叫每位管理员"


def _has_role(person: Staff, target: NotificationTarget) -> bool:
    own = target.config.corporation if target.config else ""
    return person.role == target.role and (not own or person.corp_id in ("", own))


def apply_preference_entries(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """The ``notification_preferences`` section of apply_configs. Raises InvalidInput naming entry and key."""
    for number, given in enumerate(entries, 1):
        try:
            _apply(read_entry(PreferenceEntry, given))
        except InvalidInput as error:
            place = f"notification_preferences 第 {number} 项（{given.get('staff_id') or '缺少 staff_id'}）"
            raise InvalidInput(f"{place}：{error.message}") from None
    return []


def _apply(entry: PreferenceEntry) -> None:
    rows = list(Staff.objects.filter(staff_id=entry.staff_id, active=True)[:2])
    if len(rows) != 1:
        raise InvalidInput("在几个企业里都有。" if rows else "不在人员名单中。")
    with transaction.atomic():
        row, made = NotificationPreference.objects.get_or_create(staff=rows[0])
        before = {} if made else described(row)
        for name, value in entry.model_dump(exclude={"staff_id"}).items():
            setattr(row, name, value)
        row.save()
        keep_change(Actor.system("apply_configs"), row, before)


def described(row: NotificationPreference) -> dict[str, Any]:
    """What it says, for the record of changes."""
    return {
        "usual": row.usual,
        "urgent": row.urgent,
        "quiet": f"{row.quiet_from or ''}-{row.quiet_until or ''}",
        "calls": row.calls,
        "reminders": row.reminders,
    }


def keep_change(actor: Actor, row: NotificationPreference, before: Mapping[str, Any]) -> None:
    """Record what became of it, in the caller's transaction; nothing if nothing did."""
    after = described(row)
    changes = {key: [before.get(key), value] for key, value in after.items() if before.get(key) != value}
    if changes:
        keep(actor, f"修改{row.staff.name}的通知偏好", f"staff:{row.staff_id}", {"changes": changes})


def preference_of(staff: Staff) -> NotificationPreference:
    """What a person wants; unsaved defaults if they never said."""
    return NotificationPreference.objects.filter(staff=staff).first() or NotificationPreference(staff=staff)


def speaks_at(wanted: NotificationPreference, now: datetime) -> datetime:
    """Now, or the end of the quiet hours that it lies in."""
    hours = Hours(quiet_from=wanted.quiet_from, quiet_until=wanted.quiet_until, always=())
    return hours.opens_at(now, "")


def wish_of(staff: Staff, row: AlertMessage, severity: str, now: datetime) -> tuple[datetime, str]:
    """When a message may reach a person in private, and why never ("" if it may).

    An escalation always does, at once; who is on call has no quiet hours.
    """
    if row.kind == "escalation":
        return now, ""
    wanted = preference_of(staff)
    grave = severity == "critical"
    place = wanted.urgent if grave else wanted.usual
    if place == Reached.GROUP and _in_group(row):
        return now, IN_GROUP
    on_duty = row.target.schedule_id is not None
    return (now if grave or on_duty else speaks_at(wanted, now)), ""


def wanted_now(row: AlertMessage, staff: Staff, severity: str, now: datetime) -> bool:
    """May it reach its reader in private now? Else it is put off, or the group's message is enough: noted in the row."""
    at, why = wish_of(staff, row, severity, now)
    mine = AlertMessage.objects.filter(pk=row.pk)
    if why:
        mine.update(state=MessageState.HELD, reason=why, shown=row.wanted)
    elif at > now:
        mine.update(due_at=at, reason="本人的免打扰时段")
    return not why and at <= now


def _in_group(row: AlertMessage) -> bool:
    """Is the same told to a group that gets it?"""
    same = AlertMessage.objects.filter(
        group_key=row.group_key, target__kind=TargetKind.GROUP, kind="group",
        opened_at__gt=row.opened_at - timedelta(hours=4),
    )  # fmt: skip
    return (
        same.exclude(pk=row.pk).exclude(state__in=(MessageState.UNDELIVERABLE, MessageState.ENDED)).exists()
    )
