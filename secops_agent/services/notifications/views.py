"""Views of rules and silences: without secrets, with what cannot be reached; for the API."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Exists, OuterRef, Prefetch, Q, prefetch_related_objects
from django.utils import timezone

from bifang.channels.models import OPEN, OutboxRow, State
from secops_agent.models import (
    CALL_OPEN,
    Alert,
    AlertMessage,
    MessageState,
    NotificationRule,
    NotificationTarget,
    Silence,
    WakeCall,
)
from secops_agent.services.faults import NotFound
from secops_agent.services.notifications.calls import problems_of, words_of
from secops_agent.services.notifications.conditions import Conditions, Grouping, Hours
from secops_agent.services.notifications.coverage import Coverage, coverage
from secops_agent.services.notifications.delivery.bursts import UPDATES
from secops_agent.services.notifications.delivery.progress import trace_of
from secops_agent.services.notifications.matching import addresses_of, facts_of
from secops_agent.services.notifications.rules import read_rules
from secops_agent.services.notifications.targets import doubt, know_groups, place_of
from secops_agent.services.pages import Page, cut

_LAST: Final = 20  # sendings of one message that are looked at


@dataclass(frozen=True, slots=True)
class TargetView:
    """``step``: of escalation, from 1; None for a target that is told at once. ``by``: how its reader is called."""

    kind: str
    place: str
    config: str
    step: int | None
    by: str
    last_error: str
    last_error_at: datetime | None
    doubt: str


@dataclass(frozen=True, slots=True)
class RuleView:
    """``escalate``: minutes to wait before each step; a step without a target tells the administrators."""

    id: int
    name: str
    enabled: bool
    conditions: Mapping[str, Any]
    hours: Mapping[str, Any]
    group: Mapping[str, int]
    escalate: tuple[int, ...]
    repeat: int
    targets: tuple[TargetView, ...]
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class SilenceView:
    """``held``: messages that were held back; ``worst`` as `Silence` has it; ``covers`` is asked for one silence only."""

    id: int
    scope: str
    value: str
    active: bool
    starts_at: datetime
    ends_at: datetime
    reason: str
    made_by: str
    held: int
    worst: str
    covers: Coverage | None = None


@dataclass(frozen=True, slots=True)
class ToldView:
    """What one target was told of an alert. ``standing``: where that is, in words; ``reason`` says why not, with the remedy, or who was
    called; ``on_its_way``: not accepted yet; ``arrived``: something of it was; ``failed``: when it was refused before and why, the oldest first; ``updated_at``: when what
    it said was changed last; ``is_update``: it is itself about a change of what was told before; ``ringing``: calls under way, in words."""

    place: str
    state: str
    standing: str
    reason: str
    on_its_way: bool
    arrived: bool
    failed: tuple[tuple[datetime, str], ...]
    sent_at: datetime | None
    updated_at: datetime | None
    is_update: bool
    opened_at: datetime
    ringing: tuple[str, ...]


def told_of(alert_id: int, limit: int = 20) -> list[ToldView]:
    """The newest first."""
    rows = (
        AlertMessage.objects.filter(alerts=alert_id)
        .select_related("staff", "target__config", "target__staff", "target__schedule")
        .annotate(is_called=Exists(WakeCall.objects.filter(message=OuterRef("pk"))))
    )
    found = list(rows.order_by("-pk")[:limit])
    calls = Prefetch("calls", WakeCall.objects.select_related("staff"))
    prefetch_related_objects([row for row in found if row.is_called], calls)
    followed = {row.destination for row in found if row.burst in UPDATES}  # by a message of its own
    know_groups(row.target for row in found if row.target)
    sent = _sendings(found)
    return [_told(row, sent[row.pk], row.destination in followed) for row in found]


def _sendings(found: Sequence[AlertMessage]) -> Mapping[int, list[OutboxRow]]:
    """What went to the outbox for each of them, the last `_LAST` times, the oldest first; one query."""
    keys = {
        f"{trace_of(row.pk)}:{number}": row.pk
        for row in found
        for number in range(max(1, row.shown - _LAST), row.shown + 1)
    }
    sent: dict[int, list[OutboxRow]] = {row.pk: [] for row in found}
    for each in OutboxRow.objects.filter(key__in=keys).defer("file", "text", "webhook").order_by("pk"):
        sent[keys[each.key]].append(each)
    return sent


def _told(row: Any, sent: Sequence[OutboxRow], followed: bool) -> ToldView:
    calls = list(row.calls.all()) if row.is_called else []
    last = next((each for each in sent if each.key == f"{trace_of(row.pk)}:{row.shown}"), None)
    on_its_way = last is not None and last.state in OPEN
    reached = MessageState(row.state) in (MessageState.SHOWN, MessageState.ENDED)
    refused = [
        each for each in sent if each.last_error and each.state not in OPEN and (each is not last or reached)
    ]
    return ToldView(
        _where(row),
        row.state,
        last.standing
        if last and reached and last.state != State.DONE
        else str(MessageState(row.state).label),
        (last.last_error if last and on_its_way else "") or row.reason or called_of(calls),
        on_its_way,
        not sent or any(each.state == State.DONE and not each.last_error for each in sent),
        tuple((each.last_error_at or each.created_at, each.last_error) for each in refused),
        row.first_sent_at,
        None if followed else row.updated_at,
        row.burst in UPDATES,
        row.opened_at,
        tuple(words_of(each) for each in calls if each.state in CALL_OPEN),
    )


def called_of(calls: Iterable[WakeCall]) -> str:
    """Who was called with a message, or will be."""
    return "；".join(map(words_of, calls))


def untold(alert_id: int, corp_id: str) -> list[str]:
    """Of enabled rules that did not tell of it, where each leads in this corporation and what of the alert it is not about; nothing of
    what somebody watches for themselves."""
    alert, rules = Alert.objects.get(pk=alert_id), read_rules()
    facts = facts_of([alert], addresses_of(rules))[alert_id]
    told = Q(targets__messages__alerts=alert_id) | Q(owner__isnull=False)
    left_out = set(NotificationRule.objects.filter(told).values_list("pk", flat=True))
    found = []
    for rule in (each for each in rules if each.pk not in left_out):
        here = [each for each in rule.targets if not each.config or each.config.corporation in ("", corp_id)]
        missed = "、".join(rule.conditions.missed(facts))
        why = f"{missed}不在规则的条件里" if missed else "到达时规则还没有，或那时不发"
        places = "、".join(dict.fromkeys(map(place_of, here)))
        found += [f"{places} 没有发（规则「{rule.name}」）：{why}"] if here else []
    return found


def _where(row: AlertMessage) -> str:
    """The target, and who it was for then."""
    place = f"个人 {row.staff}" if row.staff else place_of(row.target)
    return f"{place}（{row.told_to}）" if row.told_to and row.told_to not in place else place


def search_rules(limit: int = 20, cursor: str = "") -> Page[RuleView]:
    """By name. Raises InvalidInput."""
    return cut(NotificationRule.objects.all(), ("name", "id"), limit, cursor, _rules)


def _rules(rows: Iterable[NotificationRule]) -> list[RuleView]:
    found = list(rows)
    kept: dict[int, list[TargetView]] = {row.pk: [] for row in found}
    targets = NotificationTarget.objects.filter(rule__in=found).select_related("config", "staff", "schedule")
    know_groups(targets)
    for each in targets:
        kept[each.rule_id].append(_target(each))
    return [_rule(row, tuple(kept[row.pk])) for row in found]


def _rule(row: NotificationRule, targets: tuple[TargetView, ...]) -> RuleView:
    conditions = Conditions(**row.conditions).model_dump(mode="json")
    hours = Hours(**row.hours).model_dump(mode="json")
    return RuleView(
        row.pk,
        row.name,
        row.enabled,
        conditions,
        hours,
        Grouping(**row.group).model_dump(by_alias=True),
        tuple(row.escalate),
        row.repeat,
        targets,
        row.updated_at,
    )


def _target(row: NotificationTarget) -> TargetView:
    config = row.config.name if row.config else ""
    step = None if row.step is None else row.step + 1
    return TargetView(
        row.kind, place_of(row), config, step, row.by, _error(row), row.last_error_at, doubt(row)
    )


def _error(row: NotificationTarget) -> str:
    called = problems_of(row, timezone.now()) if row.by else iter(())
    return row.last_error or next(called, "")


def search_silences(active: bool = False, limit: int = 20, cursor: str = "") -> Page[SilenceView]:
    """The newest first. Raises InvalidInput."""
    rows = Silence.objects.all()
    if active:
        now = timezone.now()
        rows = rows.filter(starts_at__lte=now, ends_at__gt=now)
    return cut(rows, ("-id",), limit, cursor, lambda found: [view_silence(row) for row in found])


def get_silence(silence_id: int) -> SilenceView:
    """Raises NotFound."""
    row = Silence.objects.filter(pk=silence_id).first()
    if row is None:
        raise NotFound(f"没有编号为 {silence_id} 的静默。")
    return view_silence(row)


def view_silence(row: Silence, *, covers: bool = False) -> SilenceView:
    """One of them."""
    return SilenceView(
        row.pk, row.scope, row.value, row.starts_at <= timezone.now() < row.ends_at, row.starts_at, row.ends_at,
        row.reason, row.made_by, row.held, row.worst, coverage(row.scope, row.value) if covers else None,
    )  # fmt: skip
