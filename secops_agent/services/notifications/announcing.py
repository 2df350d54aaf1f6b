"""From what is to be told to messages in the outbox: one short transaction at a time, safe on several workers."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from bifang.channels import outbox
from bifang.channels.allowance import SendingAllowance, allowance
from bifang.channels.models import OutboxRow, State
from bifang.core.db import database_now
from secops_agent.models import (
    Alert,
    AlertMessage,
    AlertMessageItem,
    MessageState,
    NotificationTarget,
    Silence,
)
from secops_agent.services.notifications import digests, events, notices, silence_lines, silences, wording
from secops_agent.services.notifications.conditions import Facts
from secops_agent.services.notifications.events import Known
from secops_agent.services.notifications.matching import facts_of
from secops_agent.services.notifications.targets import Unreachable, resolve

ROUND: Final = 40  # messages of one transaction
STORM: Final = 100  # new messages to one destination …
STORM_SPAN: Final = timedelta(seconds=60)  # … within this time are one summary
CALM: Final = timedelta(seconds=120)  # without a new message the storm is over
PAUSE: Final = timedelta(seconds=60)  # between two messages about the same group
CARD_PAUSE: Final = timedelta(seconds=3)  # where the message is a card
RETRY: Final = timedelta(minutes=5)
OVER: Final = (MessageState.ENDED, MessageState.HELD)  # of a storm: told to its end, or left to a digest


@dataclass(frozen=True, slots=True)
class _Told:
    """A message with what it is about."""

    row: AlertMessage
    alerts: tuple[Alert, ...]
    facts: Facts
    known: Known


def step() -> int:
    """Announce what is due; returns how many messages were looked at. Raises DatabaseError."""
    now = database_now()
    if not _waiting(now).exists():  # asked every second: without SQLite's one write lock
        return 0
    with transaction.atomic():
        rows = list(_due(now)[:ROUND])
        storms = _storms({row.destination for row in rows if not row.shown or row.sla}, now)
        quiet, spare = silences.active(now), _allowances(rows)
        found = _told(rows)
        _end_empty({row.pk for row in rows} - {told.row.pk for told in found})
        for told in found:
            _announce(told, now, quiet, spare[told.row.target.config_id], storms.get(told.row.destination))
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
        .select_related("target__config", "target__staff", "target__schedule")
        .order_by("due_at", "pk")
    )
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True, of=("self",))
    return rows


def _allowances(rows: Sequence[AlertMessage]) -> dict[int | None, SendingAllowance]:
    return {each: allowance(each) for each in {row.target.config_id for row in rows}}


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
    return now + RETRY if spare.step == "card" else sent_at + CARD_PAUSE


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
    try:
        address = resolve(row.target, now)
    except Unreachable as error:
        _not_delivered(row, error.message, now)
        return
    prefix = _prefix(told, now)
    notice = notices.compose(told.alerts, told.facts, told.known, quiet=quiet, prefix=prefix)
    outbox.notify(
        address.config_id, address.target, notice.text, key=f"alert:{row.pk}:{row.wanted}",
        title=f"{prefix}{notice.title}", suggestions=notice.suggestions, buttons=notice.buttons, card=_card(row),
        at_staff_id=notice.mention,
    )  # fmt: skip
    row.digest = significant
    _mark(row, now, ended, now)
    if row.target.last_error:
        NotificationTarget.objects.filter(pk=row.target_id).update(last_error="", last_error_at=None)


def _prefix(told: _Told, now: datetime) -> str:
    """Why it is told now: an escalation, a time limit."""
    left = wording.time_left(told.alerts, now) if told.row.sla else ""
    return notices.prefix_of(told.row) or (f"⏰ 处理时限{left} " if left else "")


def _significant(told: _Told) -> str:
    """What has to change for the group to be told of again: level, state, people, size by its order of magnitude,
    what rules want told of its time limit, what was found out about it."""
    parts: tuple[object, ...] = (
        wording.gravest(told.alerts), wording.state_of(told.alerts), len(told.alerts).bit_length(),
    )  # fmt: skip
    parts += tuple(filter(None, (told.row.sla, events.finding(told.alerts, told.known))))
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()


def _mark(row: AlertMessage, now: datetime, ended: bool, sent_at: datetime | None) -> None:
    state = MessageState.ENDED if ended else MessageState.SHOWN
    values: dict[str, Any] = {
        "state": state, "shown": row.wanted, "sent_at": sent_at, "digest": row.digest, "reason": "",
    }  # fmt: skip
    AlertMessage.objects.filter(pk=row.pk).update(**values)


def _not_delivered(row: AlertMessage, reason: str, now: datetime) -> None:
    """Shown with its remedy, and tried again: nothing is dropped."""
    AlertMessage.objects.filter(pk=row.pk).update(
        state=MessageState.UNDELIVERABLE, reason=reason[:300], due_at=now + RETRY
    )
    NotificationTarget.objects.filter(pk=row.target_id).update(last_error=reason, last_error_at=now)


def _storms(destinations: set[str], now: datetime) -> dict[str, AlertMessage]:
    """The open storm of each destination that has one, begun if there are too many new messages."""
    found = {}
    for destination in destinations:
        rows = AlertMessage.objects.filter(destination=destination)
        storm = rows.filter(kind="storm").exclude(state__in=OVER).order_by("-pk").first()
        recent = rows.filter(kind="group", opened_at__gt=now - STORM_SPAN).exclude(
            summary__kind__in=("digest", "silence")
        )
        late = _waiting(now).filter(destination=destination, kind="group").exclude(sla="")
        for crowd in (recent, late):
            if storm is None and crowd[:STORM].count() >= STORM:
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
    try:
        address = resolve(row.target, now)
    except Unreachable as error:
        _not_delivered(row, error.message, now)
        return False
    spare = allowance(address.config_id)
    if spare.scarce and wording.gravest(alerts) != "critical":
        digests.hold(row, spare, now)
        return True
    heading = "告警风暴已平息，期间共" if over else "告警风暴"
    text = wording.counted_text(heading, alerts, ("", "发送「告警」查看列表。"))
    outbox.notify(
        address.config_id, address.target, text, key=f"storm:{row.pk}:{row.wanted}:{int(over)}", title=heading,
        card=_card(row),
    )  # fmt: skip
    _mark(row, now, over, now)
    return True


def note_failures() -> int:
    """Messages that the outbox gave up: shown as undeliverable, with the reason. Returns how many.

    What the quota refused is told again when there is room: by itself if it is grave, else in a digest.
    """
    lately = database_now() - timedelta(
        minutes=10
    )  # asked every second: not about every dead letter there ever was
    dead = OutboxRow.objects.filter(state=State.DEAD, last_error_at__gt=lately, key__startswith="note:alert:")
    count = 0
    for key, reason in dead.values_list("key", "last_error"):
        pk, wanted = key.split(":")[2:4]
        rows = AlertMessage.objects.filter(
            pk=pk, shown=wanted, state__in=(MessageState.SHOWN, MessageState.ENDED)
        )
        told = rows.values("target_id", "target__config_id").first()
        if told is None:
            continue
        again = (
            {"wanted": F("wanted") + 1, "digest": ""}
            if allowance(told["target__config_id"]).percent >= 100
            else {}
        )
        later = {"due_at": database_now() + RETRY} if again else {}
        if rows.update(state=MessageState.UNDELIVERABLE, reason=reason[:300], **again, **later):
            failed = NotificationTarget.objects.filter(pk=told["target_id"])
            failed.update(last_error=reason, last_error_at=database_now())
            count += 1
    return count
