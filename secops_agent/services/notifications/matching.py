"""Matching of alerts with notification rules, in the transaction that stores or changes them."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from bifang.core.monitoring import tracing
from secops_agent.models import (
    Alert,
    AlertAsset,
    AlertIndicator,
    AlertMessage,
    AlertMessageItem,
    Burst,
    Escalation,
    MessageState,
)
from secops_agent.models.choices import IndicatorKind
from secops_agent.services.notifications.conditions import Facts
from secops_agent.services.notifications.delivery.progress import PICTURED, trace_of
from secops_agent.services.notifications.detections import detection_of
from secops_agent.services.notifications.rules import Rule, read_rules
from secops_agent.services.notifications.targets import destination
from secops_agent.services.reading import values_by
from secops_agent.services.severities import GRAVE

SLA: Final = ("sla_at_risk", "sla_broken")  # in this order; told only where a rule is about them
UNDO: Final = timedelta(seconds=10)
WINDOW: Final = timedelta(hours=4)  # alerts of one rule and asset within it share a message


@dataclass(frozen=True, slots=True)
class Changed:
    """An alert and what happened to it, as rules name it; nothing for a change that only updates messages.

    ``deed``: a person did it, and may take it back at once; ``undone``: somebody just did, and it is as it was; ``anew``: the
    number of a block in spite of which it happened: that is told by itself.
    """

    alert: Alert
    changes: frozenset[str] = frozenset()
    deed: bool = False
    undone: bool = False
    anew: int = 0


def note_changes(changed: Sequence[Changed], now: datetime) -> None:
    """Write down what is to be told, in the caller's transaction."""
    told = {
        pk
        for (pk,) in values_by(AlertMessageItem, ["alert_id"], alert_id=[each.alert.pk for each in changed])
    }
    if told:
        _follow([each for each in changed if each.alert.pk in told and not each.anew], now)
    rules = read_rules() if any(each.changes for each in changed) else []
    if not rules:
        return
    facts = facts_of([each.alert for each in changed], addresses_of(rules))
    wanted: dict[tuple[str, str], _Wanted] = {}
    for each in changed:
        for rule in rules:
            if rule.conditions.match(facts[each.alert.pk], each.changes) and rule.hours.takes(
                now, each.alert.severity
            ):
                _want(wanted, rule, each, facts[each.alert.pk], now)
    _write(wanted, now)


def _follow(changed: Sequence[Changed], now: datetime) -> None:
    """The messages that tell of these alerts already."""
    _revive_messages([each.alert.pk for each in changed if "reopened" in each.changes], now)
    _put_back([each.alert.pk for each in changed if each.undone], now)
    _put_off([each.alert.pk for each in changed if each.deed], now)
    _update_messages([each.alert.pk for each in changed if not each.changes and not each.deed], now)
    _update_messages([each.alert.pk for each in changed if each.deed or each.changes - set(SLA)])


@dataclass(slots=True)
class _Wanted:
    """What one destination is to be told of one group."""

    target_id: int
    burst_key: str
    due_at: datetime
    alerts: dict[int, None]
    rules: dict[int, Rule]
    sla: str = ""


def _want(
    wanted: dict[tuple[str, str], _Wanted], rule: Rule, changed: Changed, facts: Facts, now: datetime
) -> None:
    alert = changed.alert
    sla = max((each for each in changed.changes if each in SLA and each in rule.conditions.on), default="")
    group, due = group_key(alert, facts, changed.anew), rule.hours.opens_at(now, alert.severity)
    together = burst_key(rule.pk, alert, facts)
    for target in rule.targets:
        key = (destination(target), group)
        one = wanted.setdefault(key, _Wanted(target.pk, together, due, {}, {}))
        one.due_at, one.sla = min(one.due_at, due), max(one.sla, sla)
        one.alerts[alert.pk] = None
        one.rules[rule.pk] = rule


def group_key(alert: Alert, facts: Facts, anew: int = 0) -> str:
    """The digest under which alerts share a message: their source, rule and assets; ``anew`` as in `Changed`."""
    rule = alert.rule_id or alert.rule_name or alert.title
    parts = (alert.source, rule, *sorted(facts.asset_names), *([str(anew)] if anew else []))
    return hashlib.blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def burst_key(rule_id: int, alert: Alert, facts: Facts) -> str:
    """The digest of what makes a burst: the notification rule and the detection rule."""
    text = f"{rule_id}\x1f{detection_of(alert, facts.asset_names)}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _write(wanted: Mapping[tuple[str, str], _Wanted], now: datetime) -> None:
    messages = _open_messages(wanted.keys(), now)
    fresh = {
        key: AlertMessage(
            target_id=one.target_id,
            destination=key[0],
            group_key=key[1],
            burst_key=one.burst_key,
            opened_at=now,
            due_at=one.due_at,
            sla=one.sla,
        )
        for key, one in wanted.items()
        if key not in messages
    }
    AlertMessage.objects.bulk_create(fresh.values())
    for message in fresh.values():
        with tracing.root("ingest", trace_of(message.pk), now.timestamp() * 1000, message=message.pk):
            pass
    _go_on(messages, wanted)
    messages |= fresh
    items = [
        AlertMessageItem(message=messages[key], alert_id=alert_id)
        for key, one in wanted.items()
        for alert_id in one.alerts
    ]
    AlertMessageItem.objects.bulk_create(items, ignore_conflicts=True)
    Escalation.objects.bulk_create(_escalations(fresh, wanted), ignore_conflicts=True)


def _escalations(
    fresh: Mapping[tuple[str, str], AlertMessage], wanted: Mapping[tuple[str, str], _Wanted]
) -> list[Escalation]:
    return [
        Escalation(
            rule_id=rule.pk, message=message, next_at=wanted[key].due_at + timedelta(minutes=rule.steps[0])
        )
        for key, message in fresh.items()
        for rule in wanted[key].rules.values()
        if rule.steps
    ]


def _go_on(
    messages: Mapping[tuple[str, str], AlertMessage], wanted: Mapping[tuple[str, str], _Wanted]
) -> None:
    """These messages have more to tell; and where somebody had taken the group in hand, or its source had reported the
    end, something is open again. What a silence held back is told to nobody yet: its steps begin anew, too."""
    AlertMessage.objects.filter(pk__in=[row.pk for row in messages.values()]).update(wanted=F("wanted") + 1)
    for sla in {one.sla for one in wanted.values()} & set(SLA):
        pks = [row.pk for key, row in messages.items() if wanted[key].sla == sla]
        AlertMessage.objects.filter(pk__in=pks).update(sla=sla)
    for key, message in messages.items():
        over = Q(ended__in=(Escalation.TAKEN, Escalation.RESOLVED))
        silenced = Q(message__state=MessageState.HELD, message__summary__silence__isnull=False)
        rows = Escalation.objects.filter(over | silenced, message=message)
        for rule in wanted[key].rules.values():
            if rule.steps:
                next_at = wanted[key].due_at + timedelta(minutes=rule.steps[0])
                rows.filter(rule_id=rule.pk).update(step=0, round=0, next_at=next_at, ended="")


def _open_messages(keys: Iterable[tuple[str, str]], now: datetime) -> dict[tuple[str, str], AlertMessage]:
    """The message of each group that still takes alerts in."""
    pairs = list(keys)
    rows = AlertMessage.objects.filter(
        destination__in={one for one, _ in pairs}, group_key__in={group for _, group in pairs},
        opened_at__gt=now - WINDOW, kind="group", burst=Burst.NONE,
    ).exclude(state=MessageState.ENDED)  # fmt: skip
    found = {(row.destination, row.group_key): row for row in rows.order_by("pk")}
    return {pair: found[pair] for pair in pairs if pair in found}


def _revive_messages(alert_ids: Sequence[int], now: datetime) -> None:
    """What ended goes on in the same place while its message still takes alerts in; nobody has it in hand again."""
    rows = _followed(alert_ids).filter(kind="group", state=MessageState.ENDED, opened_at__gt=now - WINDOW)
    revived = list(rows.values_list("pk", flat=True))
    AlertMessage.objects.filter(pk__in=revived).update(state=MessageState.SHOWN)
    _escalate_again(Escalation.objects.filter(message_id__in=revived), now)


def _put_back(alert_ids: Sequence[int], now: datetime) -> None:
    """What somebody took back is no news of its own: the messages that ended with it go on, however old they are."""
    mine = _followed(alert_ids).filter(kind="group")
    over = Escalation.objects.filter(message__in=mine, ended__in=(Escalation.TAKEN, Escalation.RESOLVED))
    _escalate_again(over, now)
    mine.filter(state=MessageState.ENDED).update(state=MessageState.SHOWN)


def _escalate_again(rows: "QuerySet[Escalation]", now: datetime) -> None:
    for one in rows.select_related("rule"):
        if one.rule.escalate:
            one.step, one.round, one.ended = 0, 0, ""
            one.next_at = now + timedelta(minutes=one.rule.escalate[0])
            one.save(update_fields=["step", "round", "ended", "next_at"])


def _followed(alert_ids: Sequence[int]) -> "QuerySet[AlertMessage]":
    """Messages that follow what becomes of these alerts."""
    mine = AlertMessageItem.objects.filter(alert_id__in=alert_ids).values("message_id")
    rows = AlertMessage.objects.filter(burst__in=PICTURED)
    return rows.filter(pk__in=mine) if alert_ids else rows.none()


def _put_off(alert_ids: Sequence[int], now: datetime, **only: object) -> None:
    """What became of these alerts is told after the time in which it may be undone, and in which what is done to many is
    done to all."""
    shown = _followed(alert_ids).filter(state__in=(MessageState.SHOWN, MessageState.UNKNOWN))
    shown.filter(due_at__lt=now + UNDO, **only).update(due_at=now + UNDO)


def wait_for_more(alert_ids: Sequence[int]) -> None:
    """What somebody does to many is still going on: what became of the first of them is told with the rest."""
    _put_off(alert_ids, timezone.now())


def _update_messages(alert_ids: Sequence[int], now: datetime | None = None) -> None:
    """What became of these alerts is to be told wherever they were told of; from ``now`` on it gathers for a while."""
    if now is not None:
        _put_off(alert_ids, now, wanted=F("shown"))
    told = (MessageState.SHOWN, MessageState.UNDELIVERABLE, MessageState.UNKNOWN)
    _followed(alert_ids).filter(state__in=told).update(wanted=F("wanted") + 1)


def follow_up(alert_ids: Sequence[int]) -> None:
    """Something new is known of these alerts: their messages say it, in the caller's transaction."""
    _update_messages(alert_ids, timezone.now())


def addresses_of(rules: Iterable[Rule]) -> set[str]:
    """Those that any of these rules is about."""
    return {one for rule in rules for one in rule.conditions.addresses}


def facts_of(
    alerts: Sequence[Alert],
    addresses: Collection[str] = (),
    *,
    cautious: bool = False,
    linked: "LinkedAssets | None" = None,
) -> dict[int, Facts]:
    """What conditions look at; of addresses only these. ``linked``: the alerts' assets, where they were read already: else a
    query; another where there are addresses.

    ``cautious``: of the assets of grave alerts only what people set counts: whoever may import can tag any asset.
    """
    linked = linked_assets(alerts) if linked is None else linked
    seen: dict[int, set[str]] = defaultdict(set)
    if addresses:
        of_these = AlertIndicator.objects.filter(
            alert_id__in=[each.pk for each in alerts], kind=IndicatorKind.IP
        )
        for alert_id, value in of_these.filter(value__in=addresses).values_list("alert_id", "value"):
            seen[alert_id].add(value)
    return {
        each.pk: _facts(each, [
            one.as_people_set_it if cautious and each.severity in GRAVE else one for one in linked.get(each.pk, ())
        ], frozenset(seen[each.pk])) for each in alerts
    }  # fmt: skip


class LinkedAsset(NamedTuple):
    """What lists show and conditions know of an asset; ``locked`` are the fields that people set."""

    pk: int
    name: str
    asset_type: str
    tags: Sequence[str]
    importance: str
    owner: str | None
    locked: Sequence[str]

    @property
    def as_people_set_it(self) -> "LinkedAsset":
        kept = self.locked
        return self._replace(
            tags=self.tags if "tags" in kept else (), importance=self.importance if "importance" in kept else "",
            owner=self.owner if "owner" in kept else None,
        )  # fmt: skip


LinkedAssets = Mapping[int, Sequence[LinkedAsset]]


def linked_assets(alerts: Iterable[Alert]) -> LinkedAssets:
    """Alert id → its assets, in the order in which they were named. One query."""
    found: dict[int, list[LinkedAsset]] = defaultdict(list)
    links = AlertAsset.objects.filter(alert_id__in=[each.pk for each in alerts]).order_by("id")
    columns = ("pk", "name", "asset_type", "tags", "importance", "owner__staff_id", "locked")
    for alert_id, *asset in links.values_list("alert_id", *(f"asset__{name}" for name in columns)):
        found[alert_id].append(LinkedAsset(*asset))
    return found


def _facts(alert: Alert, assets: Sequence[LinkedAsset], addresses: frozenset[str]) -> Facts:
    return Facts(
        severity=alert.severity,
        source=alert.source,
        rules=tuple(name for name in (alert.rule_id, alert.rule_name) if name),
        asset_names=frozenset(each.name for each in assets),
        asset_tags=frozenset(tag for each in assets for tag in each.tags),
        importance=frozenset(each.importance for each in assets if each.importance),
        owners=frozenset(each.owner for each in assets if each.owner),
        addresses=addresses,
    )
