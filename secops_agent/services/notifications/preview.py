"""How often a rule would have spoken: the same conditions and grouping, over the alerts of the last days."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from django.db.models import F, Q
from django.utils import timezone

from secops_agent.models import SUPPRESSED, Alert, History, NotificationRule
from secops_agent.models.choices import AlertStatus, Severity
from secops_agent.services.notifications.matching import SLA, WINDOW, facts_of, group_key
from secops_agent.services.notifications.rules import Rule, read_rule_row
from secops_agent.services.notifications.storms import STORM, STORM_SPAN

DAYS: Final = 7
MOST: Final = 20_000  # alerts that are looked at, the newest
_PIECE: Final = 500


@dataclass(frozen=True, slots=True)
class Preview:
    """``alerts`` match the rule; ``messages`` are new messages, over all its targets; ``capped``: at least so many."""

    days: int
    alerts: int
    messages: int
    capped: bool

    def __str__(self) -> str:
        least = "至少 " if self.capped else ""
        return f"按最近 {self.days} 天的告警，这条规则会发送 {least}{self.messages} 次（{self.alerts} 条告警符合条件）"


def preview(row: NotificationRule, now: datetime | None = None) -> Preview:
    """Of a stored rule, switched on or not; without a target it counts as one."""
    return preview_of(read_rule_row(row), now)


def preview_of(rule: Rule, now: datetime | None = None) -> Preview:
    """Of a rule that need not be stored."""
    since = (now or timezone.now()) - timedelta(days=DAYS)
    happened = _happened(since)
    groups: dict[str, list[datetime]] = {}
    alerts = 0
    for at, key in _matching(rule, happened):
        groups.setdefault(key, []).append(at)
        alerts += 1
    opened = sorted(at for times in groups.values() for at in _openings(sorted(times)))
    each = _without_storms(opened)
    return Preview(DAYS, alerts, each * max(len(rule.targets), 1), len(happened) >= MOST)


def _happened(since: datetime) -> dict[int, tuple[datetime, frozenset[str]]]:
    """Alert → when and what: new ones, those that rose, were opened again, or not closed in time."""
    found: dict[int, tuple[datetime, frozenset[str]]] = {}
    changed = History.objects.filter(entity="alert", at__gte=since).order_by("-pk")
    for alert_id, at, action, changes in changed.values_list("entity_id", "at", "action", "changes")[:MOST]:
        if what := _changes(action, changes):
            found[alert_id] = (at, what | found.get(alert_id, (at, frozenset()))[1])
    late = Alert.objects.filter(due_at__gte=since, due_at__lte=timezone.now()).order_by("-pk")
    late = late.exclude(SUPPRESSED).filter(Q(closed_at=None) | Q(closed_at__gt=F("due_at")))
    for alert_id, due in late.values_list("pk", "due_at")[:MOST]:
        if due is not None:
            found[alert_id] = (due, frozenset(SLA) | found.get(alert_id, (due, frozenset()))[1])
    fresh = Alert.objects.filter(created_at__gte=since).exclude(SUPPRESSED).order_by("-pk")
    for alert_id, at in fresh.values_list("pk", "created_at")[:MOST]:
        found[alert_id] = (at, frozenset({"new"}) | found.get(alert_id, (at, frozenset()))[1])
    return found


def _changes(action: str, changes: dict[str, list[object]]) -> frozenset[str]:
    order = list(Severity.values)  # the gravest first
    old, new = changes.get("severity", ("", ""))
    risen = old in order and new in order and order.index(str(new)) < order.index(str(old))
    states = tuple(changes.get("status", ()))
    reopened = action == "reopen" or states == (AlertStatus.CLOSED, AlertStatus.OPEN)
    named = (("risen", risen), ("reopened", reopened), ("hit", action == "hit"))
    return frozenset(name for name, so in named if so)


def _matching(
    rule: Rule, happened: dict[int, tuple[datetime, frozenset[str]]]
) -> Iterator[tuple[datetime, str]]:
    ids = iter(happened)
    while piece := list(islice(ids, _PIECE)):
        alerts = list(Alert.objects.filter(pk__in=piece))
        facts = facts_of(alerts)
        for alert in alerts:
            at, changes = happened[alert.pk]
            if rule.conditions.match(facts[alert.pk], changes):
                yield at, group_key(alert, facts[alert.pk])


def _openings(times: list[datetime]) -> Iterator[datetime]:
    """When a group begins a message: the first time, and whenever the last one takes no more in."""
    start = times[0]
    yield start
    for at in times:
        if at - start >= WINDOW:
            start = at
            yield start


def _without_storms(opened: list[datetime]) -> int:
    """Too many at once are one summary and its closing line."""
    count, place = 0, 0
    while place < len(opened):
        end = place
        while end < len(opened) and opened[end] - opened[place] < STORM_SPAN:
            end += 1
        stormy = end - place >= STORM
        count += 2 if stormy else 1
        place = end if stormy else place + 1
    return count
