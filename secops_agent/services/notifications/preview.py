"""Preview of a rule: how often it would have spoken, over the alerts of the last days."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from django.db.models import F, Q
from django.utils import timezone

from secops_agent.models import SUPPRESSED, Alert, History, NotificationRule
from secops_agent.models.choices import AlertStatus, Severity
from secops_agent.services.notifications.conditions import Grouping
from secops_agent.services.notifications.delivery.bursts import CROWD, SETTLE
from secops_agent.services.notifications.matching import SLA, WINDOW, burst_key, facts_of, group_key
from secops_agent.services.notifications.rules import Rule, read_rule_row

DAYS: Final = 7
MOST: Final = 20_000  # alerts that are looked at, the newest
_PIECE: Final = 500


@dataclass(frozen=True, slots=True)
class Preview:
    """``alerts`` match the rule; ``messages`` are new messages, over all its targets, of which ``bursts`` bursts tell of
    ``joined`` groups of alerts; ``capped``: at least so many."""

    days: int
    alerts: int
    messages: int
    capped: bool
    bursts: int = 0
    joined: int = 0

    def __str__(self) -> str:
        least = "至少 " if self.capped else ""
        joined = f"，其中 {self.bursts} 次突发归并了 {self.joined} 条" if self.bursts else ""
        return f"按最近 {self.days} 天的告警，这条规则会发送 {least}{self.messages} 次（{self.alerts} 条告警符合条件{joined}）"


def preview(row: NotificationRule, now: datetime | None = None) -> Preview:
    """Of a stored rule, switched on or not; without a target it counts as one."""
    return preview_of(read_rule_row(row), now)


def preview_of(rule: Rule, now: datetime | None = None) -> Preview:
    """Of a rule that need not be stored."""
    since = (now or timezone.now()) - timedelta(days=DAYS)
    happened = _happened(since)
    groups: dict[tuple[str, str], list[datetime]] = {}
    alerts = 0
    for at, key in _matching(rule, happened):
        groups.setdefault(key, []).append(at)
        alerts += 1
    opened: dict[str, list[datetime]] = {}
    for (together, _), times in groups.items():
        opened.setdefault(together, []).extend(_openings(sorted(times)))
    told = _Told()
    for times in opened.values():
        told.take(sorted(times), rule.group, rule.group.size)
    singles, told.single = sorted(told.single), []
    told.take(singles, rule.group, rule.group.size * CROWD)
    messages = (told.messages + len(told.single)) * max(len(rule.targets), 1)
    return Preview(DAYS, alerts, messages, len(happened) >= MOST, told.bursts, told.joined)


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
) -> Iterator[tuple[datetime, tuple[str, str]]]:
    """When, and the digests of what bursts and of what shares a message."""
    ids = iter(happened)
    while piece := list(islice(ids, _PIECE)):
        alerts = list(Alert.objects.filter(pk__in=piece))
        facts = facts_of(alerts, rule.conditions.addresses)
        for alert in alerts:
            at, changes = happened[alert.pk]
            if rule.conditions.match(facts[alert.pk], changes) and rule.hours.takes(at, alert.severity):
                known = facts[alert.pk]
                yield at, (burst_key(rule.pk, alert, known), group_key(alert, known))


def _openings(times: list[datetime]) -> Iterator[datetime]:
    """When a group begins a message: the first time, and whenever the last one takes no more in."""
    start = times[0]
    yield start
    for at in times:
        if at - start >= WINDOW:
            start = at
            yield start


@dataclass(slots=True)
class _Told:
    """Messages of bursts, and when each of the others was told by itself."""

    messages: int = 0
    bursts: int = 0
    joined: int = 0
    single: list[datetime] = field(default_factory=list)

    def take(self, opened: Sequence[datetime], group: Grouping, size: int) -> None:
        """What begins a message, in order: as `bursts` would tell it."""
        place = 0
        while place < len(opened):
            last = place + size - 1
            if last >= len(opened) or opened[last] - opened[place] >= group.within:
                self.single.append(opened[place])
                place += 1
                continue
            end = last + 1
            while end < len(opened) and opened[end] - opened[end - 1] < group.within:
                end += 1
            self._burst(opened[place:end], group, size)
            place = end

    def _burst(self, opened: Sequence[datetime], group: Grouping, size: int) -> None:
        """The few that are told before it begins, its first message, and the one at its end."""
        before = opened[size - 1] - opened[0]
        few = min(1 + before // group.pace, size - 1) if before > SETTLE else 0
        self.messages += few + 1 + (opened[-1] - opened[0] >= group.within)
        self.bursts += 1
        self.joined += len(opened)
