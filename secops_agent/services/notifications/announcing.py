"""From what is to be told to messages in the outbox: one short transaction at a time, safe on several workers."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from bifang.channels import outbox
from bifang.channels.allowance import Means, SendingAllowance, allowance
from bifang.core.db import database_now
from secops_agent.models import (
    Alert,
    AlertMessage,
    AlertMessageItem,
    History,
    MessageState,
    Silence,
    TargetKind,
)
from secops_agent.services.notifications import (
    digests,
    events,
    notices,
    preferences,
    reaching,
    silence_lines,
    silences,
    wording,
)
from secops_agent.services.notifications.conditions import Facts
from secops_agent.services.notifications.matching import facts_of
from secops_agent.services.notifications.targets import means_of

ROUND: Final = 40  # messages of one transaction
STORM: Final = 100  # new messages to one destination …
STORM_OF_ROBOT: Final = 15  # DingTalk blocks a custom robot after 20
STORM_SPAN: Final = timedelta(seconds=60)  # … within this time are one summary
CALM: Final = timedelta(seconds=120)  # without a new message the storm is over
PAUSE: Final = timedelta(seconds=60)  # between two messages about the same group
CARD_PAUSE: Final = timedelta(seconds=3)  # where the message is a card
OVER: Final = (MessageState.ENDED, MessageState.HELD)  # of a storm: told to its end, or left to a digest


@dataclass(frozen=True, slots=True)
class _Told:
    """A message with what it is about."""

    row: AlertMessage
    alerts: tuple[Alert, ...]
    facts: Facts
    known: Mapping[int, History]


def step() -> int:
    """Announce what is due; returns how many messages were looked at. Raises DatabaseError."""
    now = database_now()
    if not _waiting(now).exists():  # asked every second: without SQLite's one write lock
        return 0
    with transaction.atomic():
        rows = list(_due(now)[:ROUND])
        sizes = {row.destination: _storm_size(row) for row in rows if not row.shown or row.sla}
        storms = _storms(sizes, now)
        quiet, spare = silences.active(now), _allowances(rows)
        found = _told(rows)
        _end_empty({row.pk for row in rows} - {told.row.pk for told in found})
        for told in found:
            _announce(told, now, quiet, spare[_payer(told.row)], storms.get(told.row.destination))
    return len(rows)


def _end_empty(pks: set[int]) -> None:
    """Messages whose alerts were all deleted have nothing to tell any more."""
    rows = AlertMessage.objects.filter(pk__in=pks)
    rows.update(state=MessageState.ENDED, shown=F("wanted"), reason="告警已删除")


def _waiting(now: datetime) -> "QuerySet[AlertMessage]":
    rows = AlertMessage.objects.exclude(kind__in=("storm", "digest", "silence"))
    return rows.filter(wanted__gt=F("shown"), due_at__lte=now)


def _due(now: datetime) -> "QuerySet[AlertMessage]":
    rows = (
        _waiting(now)
        .select_related("target__config", "target__staff", "target__schedule", "staff")
        .order_by("due_at", "pk")
    )
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True, of=("self",))
    return rows


def _allowances(rows: Sequence[AlertMessage]) -> dict[tuple[int | None, Means], SendingAllowance]:
    return {each: allowance(*each) for each in {_payer(row) for row in rows}}


def _payer(row: AlertMessage) -> tuple[int | None, Means]:
    """Whose quota it is sent from, and which of them."""
    return row.target.config_id, means_of(row.target)


def _told(rows: Sequence[AlertMessage]) -> list[_Told]:
    members: dict[int, list[Alert]] = defaultdict(list)
    items = AlertMessageItem.objects.filter(message_id__in=[row.pk for row in rows]).order_by("pk")
    for item in items.select_related("alert__assignee"):
        members[item.message_id].append(item.alert)
    facts = facts_of([alerts[0] for alerts in members.values()])
    known = events.latest(alert for alerts in members.values() for alert in alerts)
    return [
        _Told(row, tuple(members[row.pk]), facts[members[row.pk][0].pk], known)
        for row in rows
        if members[row.pk]
    ]


def _announce(
    told: _Told, now: datetime, quiet: Sequence[Silence], spare: SendingAllowance, storm: AlertMessage | None
) -> None:
    row = told.row
    held = silences.covering_all(quiet, told.alerts, told.facts)
    on_card = bool(row.shown) and outbox.is_on_card(_card(row))  # a card that changes disturbs nobody
    if held is not None and not on_card:
        until = f"{timezone.localtime(held.ends_at):%m-%d %H:%M}"
        _hold(row, f"静默：{held}（到 {until}）", silence_lines.line_of(held, row, now))
        silences.count([held])
    elif _spared(told, spare):
        digests.hold(row, spare, now)
    elif storm is not None and row.kind == "group" and (not row.shown or row.sla):
        _hold(row, "告警风暴：已合并为一条汇总", storm)
    elif row.shown and row.sent_at and (due := _next_time(row.sent_at, spare, now, on_card=on_card)) > now:
        row.due_at = due
        row.save(update_fields=["due_at"])
    else:
        _tell(told, now, held)


def _card(row: AlertMessage) -> str:
    """The one card of a message. A new database counts from 1 again, and DingTalk remembers: the time is part of it."""
    return f"alert:{row.pk}:{row.opened_at:%y%m%d%H%M%S%f}"


def _next_time(sent_at: datetime, spare: SendingAllowance, now: datetime, *, on_card: bool) -> datetime:
    """When the next may be said about the same group. A card changes in place, unless the quota is to be spared."""
    if not on_card:
        return sent_at + PAUSE
    return now + reaching.RETRY if spare.step == "card" else sent_at + CARD_PAUSE


def _spared(told: _Told, spare: SendingAllowance) -> bool:
    """Is there something to tell that the quota has no room for? It is kept for what is grave."""
    news = not told.row.shown or _significant(told) != told.row.digest
    return spare.scarce and news and wording.gravest(told.alerts) != "critical"


def _hold(row: AlertMessage, reason: str, summary: AlertMessage | None) -> None:
    row.state, row.reason, row.summary, row.shown = MessageState.HELD, reason[:300], summary, row.wanted
    row.save(update_fields=["state", "reason", "summary", "shown"])
    if summary is not None:
        AlertMessage.objects.filter(pk=summary.pk).update(wanted=F("wanted") + 1)


def _tell(told: _Told, now: datetime, quiet: Silence | None) -> None:
    row = told.row
    ended = wording.is_over(told.alerts)
    significant = _significant(told)
    if row.shown and significant == row.digest:
        _mark(row, now, ended, row.sent_at)
        return
    address = reaching.address_of(row, now)
    if address is None:
        return
    if address.staff and not preferences.wanted_now(row, address.staff, wording.gravest(told.alerts), now):
        return
    prefix = _prefix(told, now)
    target = address.target
    notice = notices.compose(
        told.alerts,
        told.facts,
        told.known,
        quiet=quiet,
        prefix=prefix,
        heard=not target.robot,
        group=target.is_group,
    )
    outbox.notify(
        address.config_id, target, notice.text, key=f"alert:{row.pk}:{row.wanted}", title=f"{prefix}{notice.title}",
        suggestions=notice.suggestions, buttons=notice.buttons, card=_card(row), at_staff_id=notice.mention,
    )  # fmt: skip
    row.digest = significant
    row.told_to, row.told_at = row.told_to or address.name[:200], row.told_at or now
    _mark(row, now, ended, now)


def _prefix(told: _Told, now: datetime) -> str:
    """Why it is told now: an escalation, a time limit."""
    left = wording.time_left(told.alerts, now) if told.row.sla else ""
    return notices.prefix_of(told.row) or (f"⏰ 处理时限{left} " if left else "")


def _significant(told: _Told) -> str:
    """What has to change for the group to be told of again: level, state, people, size by its order of magnitude, and
    what rules want told of its time limit."""
    parts: tuple[object, ...] = (
        wording.gravest(told.alerts), wording.state_of(told.alerts), len(told.alerts).bit_length(),
    )  # fmt: skip
    parts += (told.row.sla,) if told.row.sla else ()
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()


def _mark(row: AlertMessage, now: datetime, ended: bool, sent_at: datetime | None) -> None:
    state = MessageState.ENDED if ended else MessageState.SHOWN
    values: dict[str, Any] = {
        "state": state, "shown": row.wanted, "sent_at": sent_at, "digest": row.digest, "reason": "",
        "told_to": row.told_to, "told_at": row.told_at,
    }  # fmt: skip
    AlertMessage.objects.filter(pk=row.pk).update(**values)


def _storm_size(row: AlertMessage) -> int:
    return STORM_OF_ROBOT if row.target.kind == TargetKind.WEBHOOK else STORM


def _storms(sizes: Mapping[str, int], now: datetime) -> dict[str, AlertMessage]:
    """The open storm of each destination that has one, begun if there are too many new messages."""
    found = {}
    for destination, size in sizes.items():
        rows = AlertMessage.objects.filter(destination=destination)
        storm = rows.filter(kind="storm").exclude(state__in=OVER).order_by("-pk").first()
        recent = rows.filter(kind="group", opened_at__gt=now - STORM_SPAN).exclude(
            summary__kind__in=("digest", "silence")
        )
        late = _waiting(now).filter(destination=destination, kind="group").exclude(sla="")
        for crowd in (recent, late):
            if storm is None and crowd[:size].count() >= size:
                storm = _begin_storm(crowd[0], now)
        if storm is not None:
            found[destination] = storm
    return found


def _begin_storm(like: AlertMessage, now: datetime) -> AlertMessage:
    return AlertMessage.objects.create(
        target_id=like.target_id, destination=like.destination, group_key="storm", kind="storm", opened_at=now,
        due_at=now + timedelta(seconds=2), wanted=0,
    )  # fmt: skip


def tell_storms() -> int:
    """Tell how storms go on, and when they are over; returns how many were told of."""
    now = database_now()
    with transaction.atomic():
        rows = AlertMessage.objects.filter(kind="storm").exclude(state__in=OVER)
        rows = rows.select_related("target__config", "target__staff", "target__schedule")
        if connection.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True, of=("self",))
        told = [row for row in rows if _tell_storm(row, now)]
    return len(told)


def _tell_storm(row: AlertMessage, now: datetime) -> bool:
    held = AlertMessage.objects.filter(summary=row)
    last = held.order_by("-opened_at").values_list("opened_at", flat=True).first() or row.opened_at
    over = now - max(last, row.opened_at) > CALM
    if not over and (
        row.wanted == row.shown or (row.sent_at and now - row.sent_at < PAUSE) or row.due_at > now
    ):
        return False
    alerts = list(
        Alert.objects.filter(pk__in=AlertMessageItem.objects.filter(message__in=held).values("alert_id"))
    )
    if not alerts:  # all of it was silenced, or deleted
        _mark(row, now, over, row.sent_at)
        return False
    spare = allowance(row.target.config_id, means_of(row.target))
    if spare.scarce and wording.gravest(alerts) != "critical":
        digests.hold(row, spare, now)
        return True
    address = reaching.address_of(row, now)
    if address is None:
        return False
    heading = "告警风暴已平息，期间共" if over else "告警风暴"
    text = wording.counted_text(heading, alerts, ("", "发送「告警」查看列表。"))
    outbox.notify(
        address.config_id, address.target, text, key=f"storm:{row.pk}:{row.wanted}:{int(over)}", title=heading,
        card=_card(row),
    )  # fmt: skip
    _mark(row, now, over, now)
    return True
