"""Suppression of alerts: rules applied to stored ones, and suppressed ones put back into the list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F

from secops_agent.models import Alert, History, SuppressionRule
from secops_agent.models.choices import AlertStatus
from secops_agent.services.actors import Actor
from secops_agent.services.audit import history
from secops_agent.services.intelligence.matching import hits_in_force
from secops_agent.services.notifications.conditions import Facts
from secops_agent.services.notifications.matching import facts_of
from secops_agent.services.suppressions.rules import Suppressor, in_force


def lift(rows: Sequence[Alert], actor: Actor, why: str) -> set[int]:
    """Open those of the rows (locked by the caller) that a rule closed and nobody judged; returns them."""
    mine = [row for row in rows if row.is_suppressed]
    if not mine:
        return set()
    for row in mine:
        row.status, row.closed_at, row.suppressed_by_id = AlertStatus.OPEN, None, None
    Alert.objects.filter(pk__in=[row.pk for row in mine]).update(
        status=AlertStatus.OPEN, closed_at=None, suppressed_by_id=None
    )
    History.objects.bulk_create(history.entry("alert", row.pk, actor, "lift", {}, why) for row in mine)
    return {row.pk for row in mine}


@dataclass(frozen=True, slots=True)
class Candidate:
    """An alert with new occurrences that nobody has in hand: new, suppressed before, or back by its source's word.

    ``occurrences`` are those that are new; 0: only its end was reported.
    """

    alert: Alert
    occurrences: int


def suppress(candidates: Sequence[Candidate], actor: Actor, now: datetime) -> set[int]:
    """In the caller's transaction; rows are changed too. Returns those that came back.

    What a list of indicators names is not suppressed, nor what belongs to a case or to somebody.
    """
    rules = in_force(now)
    if not rules and not any(each.alert.is_suppressed for each in candidates):
        return set()
    found = _covered(candidates, rules)
    _close(found, actor, now)
    back = [
        each.alert
        for each in candidates
        if each.alert.pk not in found and each.occurrences and each.alert.is_suppressed
    ]
    return lift(back, actor, "没有规则再抑制它")


def _covered(
    candidates: Sequence[Candidate], rules: Sequence[Suppressor]
) -> dict[int, tuple[Candidate, Suppressor]]:
    """The first rule by name that covers it."""
    free = [each for each in candidates if each.alert.case_id is None and each.alert.assignee_id is None]
    free = [each for each in free if _may_be_covered(_outline(each.alert), rules)]
    if not free:
        return {}
    facts = facts_of([each.alert for each in free], cautious=True)
    found: dict[int, tuple[Candidate, Suppressor]] = {}
    for each in free:
        rule = next((one for one in rules if one.conditions.match(facts[each.alert.pk], ("new",))), None)
        if rule is not None:
            found[each.alert.pk] = (each, rule)
    for pk in set(hits_in_force(list(found)).values_list("alert_id", flat=True)) if found else ():
        del found[pk]
    return found


def _may_be_covered(outline: Facts, rules: Sequence[Suppressor]) -> bool:
    return any(one.outline.match(outline, ("new",)) for one in rules)


def _outline(row: Alert) -> Facts:
    return Facts(row.severity, row.source, tuple(name for name in (row.rule_id, row.rule_name) if name))


def _close(found: Mapping[int, tuple[Candidate, Suppressor]], actor: Actor, now: datetime) -> None:
    told = []
    for rule in {rule.pk: rule for _, rule in found.values()}.values():
        mine = [candidate for candidate, one in found.values() if one.pk == rule.pk]
        fresh = [each.alert for each in mine if not each.alert.is_suppressed]
        for row in fresh:
            row.status, row.closed_at, row.closed_by_source = AlertStatus.CLOSED, now, False
            row.suppressed_by_id, row.closed_count = rule.pk, row.count
            told.append(history.entry("alert", row.pk, actor, "suppress", {}, f"抑制规则「{rule.name}」"))
        Alert.objects.filter(pk__in=[row.pk for row in fresh]).update(
            status=AlertStatus.CLOSED, closed_at=now, closed_by_source=False, suppressed_by_id=rule.pk,
            closed_count=F("count"),
        )  # fmt: skip
        hits = sum(each.occurrences for each in mine)
        if hits:
            SuppressionRule.objects.filter(pk=rule.pk).update(hits=F("hits") + hits, last_hit_at=now)
    History.objects.bulk_create(told)
