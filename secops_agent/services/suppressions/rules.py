"""Suppression rules: written in files and forms, tried before they are switched on, read where alerts are stored."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from pydantic import Field, ValidationError

from bifang.core.configuration.entries import Entry, EntryFaults, read_entry
from bifang.core.errors import InvalidInput
from secops_agent.models import Role, SuppressionRule
from secops_agent.models.people.staff import allows
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.faults import Conflict, Forbidden, NotFound
from secops_agent.services.notifications.conditions import Conditions
from secops_agent.services.notifications.rules import unknown_owners
from secops_agent.services.people.authority import authority_of
from secops_agent.services.reading import values_by
from secops_agent.services.severities import GRAVE
from secops_agent.services.suppressions.trials import SuppressionTrial, try_out

log = logging.getLogger(__name__)
_OF_ASSETS: Final = frozenset({"asset_tags", "importance", "owners"})
# Names of assets and addresses are not among them: who sends an alert chooses them, and would choose what is hidden.
CONDITIONS: Final = tuple(
    name for name in Conditions.model_fields if name not in {"on", "assets", "addresses"}
)
NEEDS_APPROVER: Final = (
    "这条规则会抑制严重或高危的告警（没有选级别就是所有级别），启用需要「审批」角色："
    "可以先不启用保存，再请审批人启用；或只选中危及以下。"
)
BY_A_PERSON: Final = (
    "这条规则会抑制严重或高危的告警（没有选级别就是所有级别），API 令牌不能启用或修改："
    "请「审批」角色的人在网页「抑制规则」里启用；或只选中危及以下。"
)
UNDECIDED: Final = (
    "最近 {days} 天里它会抑制 {attacks} 条人员判为「真实攻击」的告警（{some}）："
    "请缩小条件；确实要启用，请明确确认这一点。"
)


class SuppressionEntry(Entry):
    """A rule of apply_configs; its conditions stand in it directly, as in notification rules."""

    name: str = Field(min_length=1, max_length=100)
    enabled: bool = False
    reason: str = Field(min_length=1, max_length=300)
    expires_at: datetime | None = None
    acknowledge_attacks: bool = False
    conditions: Conditions = Conditions()


@dataclass(frozen=True, slots=True)
class Suppressor:
    """A rule in force. ``outline``: its conditions less those that are about assets, which cost a query."""

    pk: int
    name: str
    conditions: Conditions
    outline: Conditions


def in_force(now: datetime) -> list[Suppressor]:
    """By name; one query. What cannot be read any more is left out: alerts are shown then."""
    found = []
    rows = values_by(SuppressionRule, ["name", "id", "conditions", "expires_at"], enabled=[True])
    for name, pk, conditions, expires_at in sorted(rows, key=itemgetter(0)):
        if expires_at is not None and expires_at <= now:
            continue
        try:
            found.append(Suppressor(pk, name, *_read(json.dumps(conditions, sort_keys=True))))
        except ValidationError as error:
            log.error("抑制规则「%s」读不懂，没有应用：%s", name, error)
    return found


@lru_cache(maxsize=500)
def _read(conditions: str) -> tuple[Conditions, Conditions]:
    """Rules are read for every transaction of an import, and seldom change. Raises ValidationError."""
    given = json.loads(conditions)
    outline = {name: value for name, value in given.items() if name not in _OF_ASSETS}
    return Conditions(**given), Conditions(**outline)


def read_suppression(given: Mapping[Any, Any]) -> SuppressionEntry:
    """Raises EntryFaults, InvalidInput."""
    if "on" in given or True in given:  # YAML reads a bare ``on`` as true
        raise EntryFaults([("on", f"不认识的键「on」；可用的键：{'、'.join((*_KEYS, *CONDITIONS))}")])
    if "conditions" in given:  # nothing in it would be held against what may be a condition here
        raise EntryFaults(
            [
                (
                    "conditions",
                    f"条件直接写在规则里，不放在 conditions 下；可用的键：{'、'.join((*_KEYS, *CONDITIONS))}",
                )
            ]
        )
    flat = {key: value for key, value in given.items() if key in CONDITIONS}
    rest = {str(key): value for key, value in given.items() if key not in flat}
    entry = read_entry(SuppressionEntry, rest | ({"conditions": flat} if flat else {}))
    if faults := unknown_owners(entry.conditions.owners):
        raise EntryFaults(faults)
    if not any(getattr(entry.conditions, name) for name in CONDITIONS):
        raise EntryFaults([("conditions", "至少要有一个条件：没有条件的规则会抑制所有告警")])
    return entry


_KEYS: Final = tuple(name for name in SuppressionEntry.model_fields if name != "conditions")


def is_grave(conditions: Conditions) -> bool:
    """May it cover alerts that one person should not hide?"""
    return not conditions.severities or not GRAVE.isdisjoint(conditions.severities)


def demand(entry: SuppressionEntry, actor: Actor) -> SuppressionTrial | None:
    """What the last days say of a rule that is to be in force. The one place that decides who may. Raises Forbidden,
    EntryFaults where it would have hidden an attack and nobody said that this is meant."""
    if not entry.enabled:
        return None
    if is_grave(entry.conditions) and actor.kind == "token":
        raise Forbidden(BY_A_PERSON)
    if is_grave(entry.conditions) and not allows(authority_of(actor), Role.APPROVER):
        raise Forbidden(NEEDS_APPROVER)
    if entry.expires_at is not None and aware(entry.expires_at) <= timezone.now():
        raise EntryFaults([("expires_at", "有效期已经过了")])
    trial = try_out(entry.conditions)
    if trial.attacks and not entry.acknowledge_attacks:
        some = "、".join(f"A{each.id}" for each in trial.attack_examples)
        text = UNDECIDED.format(days=trial.days, attacks=trial.attacks, some=some)
        raise EntryFaults([("acknowledge_attacks", text)])
    return trial


def aware(moment: datetime) -> datetime:
    """A time without zone is local."""
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment


def save_suppression(
    given: Mapping[Any, Any], actor: Actor, *, rule: SuppressionRule | None = None
) -> SuppressionRule:
    """Create or replace the rule of that name, or change ``rule``. Raises InvalidInput, EntryFaults, Forbidden.

    One that is in force is tried again whenever it changes.
    """
    entry = read_suppression(given)
    trial = demand(entry, actor)
    with transaction.atomic():
        row = rule or SuppressionRule.objects.filter(name=entry.name).first() or SuppressionRule()
        if SuppressionRule.objects.filter(name=entry.name).exclude(pk=row.pk).exists():
            raise Conflict(f"已有名为「{entry.name}」的抑制规则。")
        before = describe(row) if row.pk else {}
        was_on = bool(row.pk and row.enabled)
        row.name, row.enabled, row.reason = entry.name, entry.enabled, entry.reason
        row.conditions = entry.conditions.model_dump(mode="json", exclude_defaults=True)
        row.expires_at = aware(entry.expires_at) if entry.expires_at else None
        row.made_by = row.made_by or actor.name
        if trial is not None:
            row.trial = trial.as_dict()
            row.enabled_by = row.enabled_by if was_on and before == describe(row) else actor.name
        row.save()
        _keep(row, before, trial, actor)
    return row


def create_suppression(given: Mapping[Any, Any], actor: Actor) -> SuppressionRule:
    """A new one. Raises as `save_suppression`, and Conflict where there is one of that name."""
    if SuppressionRule.objects.filter(name=str(given.get("name", "")).strip()).exists():
        raise Conflict(f"已有名为「{given['name']}」的抑制规则。")
    return save_suppression(given, actor)


def _keep(
    row: SuppressionRule, before: Mapping[str, Any], trial: SuppressionTrial | None, actor: Actor
) -> None:
    after = describe(row)
    changes = {key: [before.get(key), value] for key, value in after.items() if before.get(key) != value}
    if changes:
        tried = {"trial": trial.as_dict()} if trial else {}
        what = f"{'修改' if before else '新增'}抑制规则「{row.name}」"
        keep(actor, what, f"suppression:{row.pk}", {"name": row.name, "changes": changes, **tried})


def describe(row: SuppressionRule) -> dict[str, Any]:
    """What a rule says."""
    return {
        "name": row.name, "enabled": row.enabled, "conditions": row.conditions, "reason": row.reason,
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
    }  # fmt: skip


def switch_off(pk: int, actor: Actor) -> None:
    """What comes from now on is shown; what it suppressed is as it was. Anybody who may change rules may. Raises
    NotFound, Conflict."""
    with transaction.atomic():
        row = SuppressionRule.objects.filter(pk=pk).first()
        if row is None:
            raise NotFound(f"没有编号为 {pk} 的抑制规则。")
        if not SuppressionRule.objects.filter(pk=pk, enabled=True).update(
            enabled=False, updated_at=timezone.now()
        ):
            raise Conflict(f"抑制规则「{row.name}」已经停用。")
        keep(actor, f"停用抑制规则「{row.name}」", f"suppression:{pk}", {"name": row.name})


def delete_suppression(row: SuppressionRule, actor: Actor) -> None:
    """Only one that never suppressed anything: alerts name the others. Raises Conflict."""
    with transaction.atomic():
        if row.alerts.exists():
            raise Conflict(f"「{row.name}」抑制过告警，留作依据，不能删除：请停用它。")
        keep(actor, f"删除抑制规则「{row.name}」", f"suppression:{row.pk}", describe(row))
        row.delete()


def apply_suppression_entries(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """The ``suppression_rules`` section. Raises InvalidInput naming entry and key."""
    for number, given in enumerate(entries, 1):
        try:
            save_suppression(given, Actor.system("apply_configs"))
        except InvalidInput as error:
            place = f"suppression_rules 第 {number} 项（{given.get('name') or '缺少 name'}）"
            raise InvalidInput(f"{place}：{error.message}") from None
    return []
