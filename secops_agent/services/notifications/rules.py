"""Rules: written in files, checked, read where alerts are stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from pydantic import Field, field_validator

from bifang.core.entries import Entry, read_entry
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent.models import NotificationRule, NotificationTarget, OnCallSchedule
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.notifications import targets
from secops_agent.services.notifications.conditions import Conditions, Hours, StepEntry, TargetEntry

MOST_STEPS: Final = 10
MOST_REPEATS: Final = 5


class RuleEntry(Entry):
    """A rule of apply_configs; its conditions stand in it directly."""

    name: str = Field(min_length=1, max_length=100)
    enabled: bool = True
    conditions: Conditions = Conditions()
    hours: Hours = Hours()
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


def read_rules() -> list[Rule]:
    """The enabled rules with at least one target. Two queries; what cannot be read any more is left out."""
    rows = NotificationRule.objects.filter(enabled=True).prefetch_related("targets__config", "targets__staff")
    return [rule for row in rows if (rule := read_rule_row(row)).targets or rule.steps]


def read_rule_row(row: NotificationRule) -> Rule:
    """A stored rule as it is applied, switched on or not."""
    return Rule(
        row.pk, row.name, Conditions(**row.conditions), Hours(**row.hours),
        tuple(each for each in row.targets.all() if each.step is None), tuple(row.escalate),
    )  # fmt: skip


def apply_rule_entries(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """The ``notification_rules`` section. Raises InvalidInput naming entry and key."""
    for number, given in enumerate(entries, 1):
        try:
            save_rule(given, Actor.system("apply_configs"))
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
    wanted: list[tuple[int | None, TargetEntry]] = [(None, each) for each in entry.targets]
    wanted += [(step, each) for step, one in enumerate(entry.escalate) for each in one.to]
    return entry, [targets.read_target(each, step) for step, each in wanted]


def save_rule(
    given: Mapping[str, Any], actor: Actor, *, rule: NotificationRule | None = None
) -> NotificationRule:
    """Create or replace the rule of that name, or change ``rule``, targets and steps included. Raises InvalidInput."""
    entry, rows = read_rule(given)
    with transaction.atomic():
        made = False
        if rule is None:
            rule, made = NotificationRule.objects.get_or_create(name=entry.name)
        elif NotificationRule.objects.filter(name=entry.name).exclude(pk=rule.pk).exists():
            raise InvalidInput(f"已有名为「{entry.name}」的通知规则。")
        before = {} if made else describe(NotificationRule.objects.get(pk=rule.pk))
        rule.name = entry.name
        rule.enabled = entry.enabled
        rule.conditions = entry.conditions.model_dump(mode="json", exclude_defaults=True)
        rule.hours = entry.hours.model_dump(mode="json", exclude_defaults=True)
        rule.escalate = [each.after_minutes for each in entry.escalate]
        rule.repeat = entry.repeat
        rule.last_error, rule.last_error_at = "", None
        rule.save()
        targets.replace(rule, rows)
        after = describe(rule)
        changes = {key: [before.get(key), value] for key, value in after.items() if before.get(key) != value}
        if changes:
            verb = "新增" if made else "修改"
            keep(
                actor,
                f"{verb}通知规则「{rule.name}」",
                f"rule:{rule.pk}",
                {"name": rule.name, "changes": changes},
            )
    return rule


def delete_rule(rule: NotificationRule, actor: Actor) -> None:
    """With its targets and what was told because of it."""
    with transaction.atomic():
        keep(actor, f"删除通知规则「{rule.name}」", f"rule:{rule.pk}", {"name": rule.name, **describe(rule)})
        rule.delete()


def describe(rule: NotificationRule) -> dict[str, Any]:
    """What a rule says, without secrets."""
    return {
        "name": rule.name,
        "enabled": rule.enabled,
        "conditions": rule.conditions,
        "hours": rule.hours,
        "escalate": rule.escalate,
        "repeat": rule.repeat,
        "targets": [
            targets.describe(each) for each in rule.targets.select_related("config", "staff", "schedule")
        ],
    }


def uses_of(config: SystemConfig) -> list[str]:
    """What is told through a configuration, for whoever archives it."""
    rows = NotificationTarget.objects.filter(config=config).values_list("rule__name", flat=True)
    rotas = OnCallSchedule.objects.filter(handover_config=config).exclude(handover_group="")
    told = [f"值班表「{each}」的交接消息通过它发到群，之后不再发到群。" for each in rotas]
    return told + [
        f"通知规则「{name}」通过它发送，之后这些消息无法送达：请给规则换目标。" for name in sorted(set(rows))
    ]
