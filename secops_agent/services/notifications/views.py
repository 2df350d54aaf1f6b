"""Views of rules and silences: without secrets, with what cannot be reached; for the API."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from bifang.channels.models import OPEN, OutboxRow
from secops_agent.models import AlertMessage, NotificationRule, NotificationTarget, Silence
from secops_agent.services.faults import NotFound
from secops_agent.services.notifications.calls import problems_of, words_of
from secops_agent.services.notifications.conditions import Conditions, Grouping, Hours
from secops_agent.services.notifications.coverage import Coverage, coverage
from secops_agent.services.notifications.delivery.bursts import UPDATES
from secops_agent.services.notifications.targets import doubt, place_of
from secops_agent.services.pages import Page, cut


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
    """``held``: messages that were held back; ``covers`` is asked for one silence only."""

    id: int
    scope: str
    value: str
    active: bool
    starts_at: datetime
    ends_at: datetime
    reason: str
    made_by: str
    held: int
    covers: Coverage | None = None


@dataclass(frozen=True, slots=True)
class ToldView:
    """What one target was told of an alert. ``reason`` says why not, with the remedy, or who was called; ``retrying``: not accepted yet;
    ``updated_at``: when what it said was changed last; ``is_update``: it is itself about a change of what was told before."""

    place: str
    state: str
    reason: str
    retrying: bool
    sent_at: datetime | None
    updated_at: datetime | None
    is_update: bool
    opened_at: datetime


def told_of(alert_id: int, limit: int = 20) -> list[ToldView]:
    """The newest first."""
    rows = (
        AlertMessage.objects.filter(alerts=alert_id)
        .select_related("staff", "target__config", "target__staff", "target__schedule")
        .prefetch_related("calls__staff")
    )
    found = list(rows.order_by("-pk")[:limit])
    followed = {row.destination for row in found if row.burst in UPDATES}  # by a message of its own
    keys = {f"note:alert:{row.pk}:{row.shown}": row.pk for row in found}
    waiting = OutboxRow.objects.filter(key__in=keys, state__in=OPEN, attempts__gt=0).values_list(
        "key", "last_error"
    )
    errors = {keys[key]: error for key, error in waiting}
    return [
        ToldView(
            _where(row),
            row.state,
            errors.get(row.pk) or row.reason or called_of(row),
            row.pk in errors,
            row.first_sent_at,
            None if row.destination in followed else row.updated_at,
            row.burst in UPDATES,
            row.opened_at,
        )
        for row in found
    ]


def called_of(row: AlertMessage) -> str:
    """Who was called with it, or will be."""
    return "；".join(words_of(each) for each in row.calls.all())


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
        row.reason, row.made_by, row.held, coverage(row.scope, row.value) if covers else None,
    )  # fmt: skip
