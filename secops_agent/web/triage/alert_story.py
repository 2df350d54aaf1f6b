"""Story of one alert: everything that happened to it, in one order: occurrences, changes, notes, orders, messages."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any, Final

from django.db.models import Q
from django.urls import reverse
from django.utils.safestring import SafeString

from bifang.channels.text.visible import visible
from bifang.core.admin.base import ago, badge
from secops_agent.admin.alerting.alert_messages import message_badge
from secops_agent.models import Alert, AlertEvent, MessageState, Proposal
from secops_agent.services.audit import history
from secops_agent.services.decisions.targets import AIMS
from secops_agent.services.notifications import views
from secops_agent.services.notifications.delivery.reaching import UNREACHED
from secops_agent.services.notifications.views import ToldView
from secops_agent.services.people.logins import homes_of
from secops_agent.services.privacy import NEEDS_ROLE, mask, people_of
from secops_agent.services.sla import RiskClock, is_overdue
from secops_agent.web.approvals import story as story_of

MOST_TOLD: Final = 4
_EVENTS: Final = 8
_TONES: Final = {"close": "ok", "reopen": "bad", "escalate": "bad"}


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing: ``tone`` ok, bad or "", ``note`` what somebody wrote, ``lines`` what changed, ``url`` where more of it is."""

    at: datetime
    what: str
    tone: str = ""
    note: str = ""
    lines: tuple[str, ...] = ()
    url: str = ""

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
    """``entries`` the newest first; ``told``: place and time of what arrived, the first first; ``pending``: not (yet) told;
    ``lost``: how many messages could not be delivered; ``ringing``: the calls under way, in words, None without messages."""

    entries: tuple[TimelineEntry, ...]
    told: tuple[tuple[str, SafeString | str], ...]
    pending: tuple[Pending, ...]
    lost: int
    ringing: tuple[str, ...] | None


def timeline(row: Alert, clock: RiskClock, orders: Iterable[TimelineEntry], *, private: bool) -> Timeline:
    """Four queries. ``orders``: `ordered`; ``private``: who reads it may read private parts (`services.privacy`)."""
    told = views.told_of(row.pk)
    found = [*_occurrences(row, clock), *_changes(row.pk), *_sent(told), *orders]
    found.sort(key=lambda each: each.at, reverse=True)
    if not private:
        hidden = people_of([row.pk])
        found = [_masked(each, hidden) for each in found]
    waiting = tuple(
        Pending(visible(each.place), _badge(each), visible(each.reason))
        for each in told
        if each.on_its_way or each.state not in (MessageState.SHOWN, MessageState.ENDED, *UNREACHED)
    )
    lost = sum(each.state == MessageState.UNDELIVERABLE for each in told)
    arrived = [each for each in told if each.arrived and each.sent_at and not each.is_update]
    names = {visible(each.place): ago(each.sent_at) for each in arrived[:MOST_TOLD]}
    ringing = tuple(chain.from_iterable(each.ringing for each in told)) if told else None
    return Timeline(tuple(found), tuple(reversed(names.items())), waiting, lost, ringing)


def _masked(each: TimelineEntry, hidden: Sequence[str]) -> TimelineEntry:
    lines = tuple(mask(line, hidden, NEEDS_ROLE) for line in each.lines)
    return replace(each, note=mask(each.note, hidden, NEEDS_ROLE), lines=lines)


def _badge(told: ToldView) -> SafeString:
    return badge(told.standing, "warn") if told.on_its_way else message_badge(told.state)


def _occurrences(row: Alert, clock: RiskClock) -> Iterator[TimelineEntry]:
    yield TimelineEntry(row.first_seen, "首次发生", "bad")
    if row.due_at and is_overdue(row, clock.now):
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


def ordered(row: Alert, aims: Mapping[str, Sequence[Any]], user: Any) -> Iterator[TimelineEntry]:
    """What somebody wanted done, since it occurred, about what it names, and what came of it. ``aims``: as `AIMS` names them."""
    wanted = Q(pk__in=())
    for tool, name in AIMS.items():
        wanted |= Q(tool=tool, **{f"arguments__{name}__in": list(aims[name])})
    rows = Proposal.objects.filter(wanted, created_at__gte=row.first_seen).select_related("action")
    found = list(rows.order_by("-pk")[:_EVENTS])
    homes = homes_of(user) if found else None
    for each in (one for one in found if homes is None or one.corp_id in ("", *homes)):
        url = reverse("web:approval", args=[each.pk])
        for step in story_of(each, getattr(each, "action", None)):
            what = visible(f"{each.title} {_aim(each)}：{step.text}")
            yield TimelineEntry(step.at, what, step.tone, visible(step.detail), url=url)


def _aim(row: Proposal) -> str:
    return str(row.arguments.get("ip") or row.arguments.get("asset", ""))


def _sent(told: Sequence[ToldView]) -> Iterator[TimelineEntry]:
    for each in told:
        place = visible(each.place)
        yield from (
            TimelineEntry(at, f"通知 {place}：无法送达", "bad", visible(why)) for at, why in each.failed
        )
        if each.state in UNREACHED and not each.on_its_way:
            at = each.updated_at or each.sent_at or each.opened_at
            yield TimelineEntry(at, f"通知 {place}：{each.standing}", "bad", visible(each.reason))
        elif each.sent_at is not None and each.arrived:
            update = f"更新给 {place} 的通知"
            what = update if each.is_update else f"通知 {place}"
            yield TimelineEntry(each.sent_at, what, note=visible(each.reason))
            if each.updated_at is not None and not each.on_its_way:
                yield TimelineEntry(each.updated_at, update)
