"""Notification rules: read from files, checked, stored; the draft that a new chat configuration begins with."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from pydantic import Field, ValidationError, field_validator

from bifang.core.configuration.entries import Entry, EntryFaults, read_entry
from bifang.core.configuration.kinds import chat_kinds
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent.models import NotificationRule, NotificationTarget, OnCallSchedule, Role, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.notifications import robots, targets
from secops_agent.services.notifications.conditions import (
    Conditions,
    Grouping,
    Hours,
    StepEntry,
    TargetEntry,
)
from secops_agent.services.notifications.robots import Grant
from secops_agent.services.people.eligibility import able

log = logging.getLogger(__name__)
MOST_STEPS: Final = 10
MOST_REPEATS: Final = 5


class RuleEntry(Entry):
    """A rule of apply_configs; its conditions stand in it directly."""

    name: str = Field(min_length=1, max_length=100)
    enabled: bool = True
    conditions: Conditions = Conditions()
    hours: Hours = Hours()
    group: Grouping = Grouping()
    targets: tuple[TargetEntry, ...] = ()
    escalate: tuple[StepEntry, ...] = Field((), max_length=MOST_STEPS)
    repeat: int = Field(0, ge=0, le=MOST_REPEATS)

    @field_validator("escalate", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        return [value] if isinstance(value, Mapping) else value or ()


@dataclass(frozen=True, slots=True)
class Rule:
    """An enabled rule as it is applied. ``steps``: minutes to wait before each step of escalation."""

    pk: int
    name: str
    conditions: Conditions
    hours: Hours
    targets: tuple[NotificationTarget, ...]
    steps: tuple[int, ...]
    group: Grouping = field(default_factory=Grouping)


def read_rules() -> list[Rule]:
    """The enabled rules with at least one target that have not ended, and whose owner may still read. Two queries; what
    cannot be read any more is left out."""
    lasting = Q(ends_at=None) | Q(ends_at__gt=timezone.now())
    owned = Q(owner=None) | Q(owner__in=able(Role.VIEWER))
    rows = NotificationRule.objects.filter(lasting, owned, enabled=True).prefetch_related("targets")
    return [rule for row in rows if (rule := _readable(row)) and rule.targets]


def _readable(row: NotificationRule) -> Rule | None:
    """None for what an older edition wrote and this one does not know: alerts are stored all the same."""
    try:
        return read_rule_row(row)
    except ValidationError as error:
        log.error("通知规则「%s」读不懂，没有应用：%s", row.name, error)
        return None


def read_rule_row(row: NotificationRule) -> Rule:
    """A stored rule as it is applied, switched on or not."""
    return Rule(
        row.pk, row.name, Conditions(**row.conditions), Hours(**row.hours),
        tuple(each for each in row.targets.all() if each.step is None), tuple(row.escalate), Grouping(**row.group),
    )  # fmt: skip


def apply_rule_entries(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """The ``notification_rules`` section. Raises InvalidInput naming entry and key."""
    for number, given in enumerate(entries, 1):
        try:
            rule = save_rule(given, Actor.system("apply_configs"), grant="all")
            for doubt in filter(None, map(targets.doubt, rule.targets.all())):
                log.warning("通知规则「%s」：%s", rule.name, doubt)
        except InvalidInput as error:
            place = f"notification_rules 第 {number} 项（{given.get('name') or '缺少 name'}）"
            raise InvalidInput(f"{place}：{error.message}") from None
    return []


def _spelled(given: Mapping[Any, Any]) -> dict[str, Any]:
    """YAML reads a bare ``on`` as true."""
    return {"on" if key is True else str(key): value for key, value in given.items()}


def read_rule(given: Mapping[str, Any]) -> tuple[RuleEntry, list[NotificationTarget]]:
    """A rule and its unsaved targets. Raises InvalidInput; EntryFaults where the places are known."""
    given = _spelled(given)
    flat = {key: value for key, value in given.items() if key in Conditions.model_fields}
    rest = {key: value for key, value in given.items() if key not in flat}
    entry = read_entry(RuleEntry, rest | ({"conditions": flat} if flat else {}))
    rows, faults = [], unknown_owners(entry.conditions.owners)
    for place, step, each in _placed(entry):
        try:
            by = "" if step is None else entry.escalate[step].by
            rows.append(targets.read_target(each, step, by))
        except InvalidInput as error:
            faults.append((place, f"{place}：{error.message.rstrip('。')}"))
    if faults:
        raise EntryFaults(faults)
    return entry, rows


def _placed(entry: RuleEntry) -> Iterator[tuple[str, int | None, TargetEntry]]:
    """Every target with its place in the entry, and its step."""
    for number, each in enumerate(entry.targets, 1):
        yield f"targets.{number}", None, each
    for step, one in enumerate(entry.escalate):
        for number, each in enumerate(one.to, 1):
            yield f"escalate.{step + 1}.to.{number}", step, each


def unknown_owners(owners: Sequence[str]) -> list[tuple[str, str]]:
    """Staff ids that nobody has, with their places."""
    known = set(Staff.objects.filter(staff_id__in=owners, active=True).values_list("staff_id", flat=True))
    return [
        (f"conditions.owners.{number}", f"owners.{number}：「{each[:50]}」不在人员名单中")
        for number, each in enumerate(owners, 1)
        if each not in known
    ]


def save_rule(
    given: Mapping[str, Any],
    actor: Actor,
    *,
    rule: NotificationRule | None = None,
    grant: Grant = "none",
    owner: Staff | None = None,
    ends_at: datetime | None = None,
) -> NotificationRule:
    """Create or replace the rule of that name, or change ``rule``, targets and steps included. Raises InvalidInput.

    ``owner`` and ``ends_at`` are of what somebody watches for a while, which replaces only their own. ``grant`` says what the actor may do about custom robots.
    """
    entry, rows = read_rule(given)
    with transaction.atomic():
        made = False
        if rule is None:
            rule, made = NotificationRule.objects.get_or_create(name=entry.name, defaults={"owner": owner})
            if owner and rule.owner_id != owner.pk:
                raise InvalidInput(f"已有名为「{entry.name}」的通知规则。")
            rule.ends_at = ends_at or rule.ends_at
        elif NotificationRule.objects.filter(name=entry.name).exclude(pk=rule.pk).exists():
            raise InvalidInput(f"已有名为「{entry.name}」的通知规则。")
        before = {} if made else describe(NotificationRule.objects.get(pk=rule.pk))
        rule.name = entry.name
        rule.enabled = entry.enabled
        rule.conditions = entry.conditions.model_dump(mode="json", exclude_defaults=True)
        rule.hours = entry.hours.model_dump(mode="json", exclude_defaults=True)
        rule.group = entry.group.model_dump(by_alias=True)
        rule.escalate = [each.after_minutes for each in entry.escalate]
        rule.repeat = entry.repeat
        rule.last_error, rule.last_error_at = "", None
        rule.save()
        news = targets.replace(rule, rows, grant)
        if news:
            robots.tell_change(rule, news, actor)
        _keep_change(rule, before, news, actor)
    return rule


def _keep_change(rule: NotificationRule, before: Mapping[str, Any], news: list[str], actor: Actor) -> None:
    after = describe(rule)
    changes = {key: [before.get(key), value] for key, value in after.items() if before.get(key) != value}
    changes |= {"robots": news} if news else {}
    if changes:
        what = f"{'修改' if before else '新增'}通知规则「{rule.name}」"
        keep(actor, what, f"rule:{rule.pk}", {"name": rule.name, "changes": changes})


def delete_rule(rule: NotificationRule, actor: Actor) -> None:
    """With its targets, and what was told because of it alone."""
    with transaction.atomic():
        keep(actor, f"删除通知规则「{rule.name}」", f"rule:{rule.pk}", {"name": rule.name, **describe(rule)})
        for each in rule.targets.all():
            targets.hand_over(each)
        rule.delete()


def describe(rule: NotificationRule) -> dict[str, Any]:
    """What a rule says, without secrets."""
    return {
        "name": rule.name,
        "enabled": rule.enabled,
        "conditions": rule.conditions,
        "hours": rule.hours,
        "group": rule.group,
        "escalate": rule.escalate,
        "repeat": rule.repeat,
        "targets": [
            targets.describe(each) for each in rule.targets.select_related("config", "staff", "schedule")
        ],
    }


def uses_of(config: SystemConfig) -> list[str]:
    """What is told through a configuration, for whoever archives it."""
    rotas = OnCallSchedule.objects.filter(handover_config=config).exclude(handover_group="")
    told = [f"值班表「{each}」的交接消息通过它发到群，之后不再发到群。" for each in rotas]
    return told + [
        f"通知规则「{name}」通过它发送，之后这些消息无法送达：请给规则换目标。"
        for name in _rule_names(config=config)
    ]


def uses_of_person(staff: Staff) -> list[str]:
    """What is told to someone, for whoever takes them out of use."""
    return [f"通知规则「{name}」发给他" for name in _rule_names(staff=staff)]


def _rule_names(**used: Any) -> list[str]:
    return sorted(set(NotificationTarget.objects.filter(**used).values_list("rule__name", flat=True)))


def draft_name(config_name: str) -> str:
    """What the draft of a configuration is called."""
    return f"{config_name[:80]}的严重和高危告警"


def make_draft(config: SystemConfig, **_: object) -> None:
    """Receiver of ``configs.created``: 严重 and 高危, once; a rule that has the name already is left alone."""
    name = draft_name(config.name)
    if config.kind in chat_kinds() and not NotificationRule.objects.filter(name=name).exists():
        save_rule(
            {"name": name, "enabled": False, "severities": ["critical", "high"]}, Actor.system("program")
        )
