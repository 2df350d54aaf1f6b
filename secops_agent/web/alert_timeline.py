"""Everything that happened to one alert, in one order: occurrences, changes, notes, messages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.safestring import SafeString

from bifang.channels.visible import visible
from bifang.core.admin.base import ago, badge
from secops_agent.admin.alert_messages import message_badge
from secops_agent.models import Alert, AlertEvent, MessageState
from secops_agent.models.choices import AlertStatus
from secops_agent.services.alerts.timeline import coming
from secops_agent.services.audit import history
from secops_agent.services.notifications import views
from secops_agent.services.notifications.views import ToldView
from secops_agent.services.operations.queues import RiskClock

_EVENTS: Final = 8
_TONES: Final = {"close": "ok", "reopen": "bad", "escalate": "bad"}


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing: ``tone`` ok, bad or "", ``note`` what somebody wrote, ``lines`` what changed."""

    at: datetime
    what: str
    tone: str = ""
    note: str = ""
    lines: tuple[str, ...] = ()

    @property
    def moment(self) -> SafeString | str:
        """When, in words."""
        return ago(self.at)


@dataclass(frozen=True, slots=True)
class Pending:
    """A message that did not go out: where it stands, and why."""

    place: str
    badge: SafeString
    reason: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """``happenings`` the newest first; ``ahead``: what comes if nobody does anything; ``pending``: not (yet) told."""

    happenings: tuple[TimelineEntry, ...]
    ahead: tuple[str, ...]
    pending: tuple[Pending, ...]


def timeline(row: Alert, clock: RiskClock) -> Timeline:
    """Five queries."""
    told = views.told_of(row.pk)
    found = [*_occurrences(row, clock), *_changes(row.pk), *_sent(told)]
    found.sort(key=lambda each: each.at, reverse=True)
    waiting = tuple(
        Pending(visible(each.place), _badge(each), visible(each.reason))
        for each in told
        if each.retrying or each.state not in (MessageState.SHOWN, MessageState.ENDED)
    )
    return Timeline(tuple(found), tuple(coming(row)), waiting)


def _badge(told: ToldView) -> SafeString:
    return badge("正在重试", "warn") if told.retrying else message_badge(told.state)


def _occurrences(row: Alert, clock: RiskClock) -> Iterator[TimelineEntry]:
    yield TimelineEntry(row.first_seen, "首次发生", "bad")
    if row.due_at and row.due_at <= clock.now and row.status != AlertStatus.CLOSED:
        yield TimelineEntry(row.due_at, "处理时限已过", "bad")
    if row.last_seen == row.first_seen:
        return
    yield TimelineEntry(row.last_seen, f"最近一次发生，共 {row.count} 次", "bad")
    ends = (row.first_seen, row.last_seen)
    between = AlertEvent.objects.filter(alert=row).order_by("-at").values_list("at", flat=True)
    yield from (TimelineEntry(at, "又发生", "bad") for at in between[:_EVENTS] if at not in ends)


def _changes(pk: int) -> Iterator[TimelineEntry]:
    for each in history.entries("alert", pk):
        lines = tuple(
            visible(f"{label}：{old} → {new}") for label, old, new in history.worded("alert", each.changes)
        )
        what = f"{visible(each.actor)} {history.ACTIONS.get(each.action, each.action)}"
        yield TimelineEntry(each.at, what, _TONES.get(each.action, ""), visible(each.note), lines)


def _sent(told: Sequence[ToldView]) -> Iterator[TimelineEntry]:
    for each in told:
        if each.sent_at is not None:
            yield TimelineEntry(each.sent_at, f"通知 {visible(each.place)}", note=visible(each.reason))
