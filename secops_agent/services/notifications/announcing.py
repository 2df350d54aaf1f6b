"""From what is to be told to messages in the outbox: one short transaction at a time, safe on several workers."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, QuerySet

from bifang.channels import outbox
from bifang.channels.allowance import Means, SendingAllowance, allowance
from bifang.core.db import database_now
from bifang.core.rows import lock_idle
from secops_agent.models import (
    Alert,
    AlertMessage,
    AlertMessageItem,
    Investigation,
    MessageState,
    Silence,
)
from secops_agent.services.notifications import (
    digests,
    events,
    notices,
    preferences,
    progress,
    reaching,
    silence_lines,
    silences,
    wording,
)
from secops_agent.services.notifications.conditions import Facts
from secops_agent.services.notifications.events import KnownNews
from secops_agent.services.notifications.matching import facts_of
from secops_agent.services.notifications.storms import ANNOUNCED, PAUSE, open_storms
from secops_agent.services.notifications.targets import means_of

ROUND: Final = 8  # messages of one transaction: some 5 ms each, and people who ask wait for it
CARD_PAUSE: Final = timedelta(seconds=3)  # where the message is a card


@dataclass(frozen=True, slots=True)
class _Told:
    """A message with what it is about; ``on_card``: it is a card, and changing that disturbs nobody."""

    row: AlertMessage
    alerts: tuple[Alert, ...]
    facts: Facts
    known: KnownNews
    on_card: bool


def step() -> int:
    """Announce what is due; returns how many messages were looked at. Raises DatabaseError."""
    now = database_now()
    if not _due(now).exists():  # asked every second: without SQLite's one write lock
        return 0
    with transaction.atomic():
        rows = list(lock_idle(_due(now))[:ROUND])
        stormy = open_storms((row for row in rows if not row.shown or row.sla), now)
        quiet, spare = silences.active(now), _allowances(rows)
        found = _told(rows)
        _end_empty({row.pk for row in rows} - {told.row.pk for told in found})
        for told in found:
            _announce(told, now, quiet, spare[_payer(told.row)], stormy.get(told.row.destination))
    return len(rows)


def _end_empty(pks: set[int]) -> None:
    """Messages whose alerts were all deleted have nothing to tell any more."""
    rows = AlertMessage.objects.filter(pk__in=pks)
    rows.update(state=MessageState.ENDED, shown=F("wanted"), reason="告警已删除")


def _due(now: datetime) -> "QuerySet[AlertMessage]":
    return progress.due(now).filter(kind__in=ANNOUNCED)


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
        _Told(row, tuple(members[row.pk]), facts[members[row.pk][0].pk], known, _is_on_card(row))
        for row in rows
        if members[row.pk]
    ]


def _is_on_card(row: AlertMessage) -> bool:
    return bool(row.shown) and outbox.is_on_card(progress.card_of(row))


def _announce(
    told: _Told, now: datetime, quiet: Sequence[Silence], spare: SendingAllowance, storm: AlertMessage | None
) -> None:
    row = told.row
    held = silences.covering_all(quiet, told.alerts, told.facts)
    if held is not None and not told.on_card:
        progress.hold(
            row, f"静默：{held}（到 {wording.clock(held.ends_at)}）", silence_lines.line_of(held, row, now)
        )
        silences.count([held])
    elif _spared(told, spare):
        digests.hold(row, spare, now)
    elif storm is not None and (not row.shown or row.sla):
        progress.hold(row, "告警风暴：已合并为一条汇总", storm)
    elif (
        row.shown and row.sent_at and (due := _next_time(row.sent_at, spare, now, on_card=told.on_card)) > now
    ):
        row.due_at = due
        row.save(update_fields=["due_at"])
    else:
        _tell(told, now, held)


def _next_time(sent_at: datetime, spare: SendingAllowance, now: datetime, *, on_card: bool) -> datetime:
    """When the next may be said about the same group. A card changes in place, unless the quota is to be spared."""
    if not on_card:
        return sent_at + PAUSE
    return now + reaching.RETRY if spare.step == "card" else sent_at + CARD_PAUSE


def _spared(told: _Told, spare: SendingAllowance) -> bool:
    """Is there something to tell that the quota has no room for? It is kept for what is grave."""
    news = not told.row.shown or _significant(told) != told.row.digest
    return spare.scarce and news and wording.gravest(told.alerts) != "critical"


def _tell(told: _Told, now: datetime, quiet: Silence | None) -> None:
    row = told.row
    ended = wording.is_over(told.alerts)
    significant = _significant(told)
    if row.shown and significant == row.digest:
        progress.mark(row, ended, row.sent_at)
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
        suggestions=notice.suggestions, buttons=notice.buttons, card=progress.card_of(row), at_staff_id=notice.mention,
    )  # fmt: skip
    row.digest = significant
    row.told_to, row.told_at = row.told_to or address.name[:200], row.told_at or now
    progress.mark(row, ended, now)


def _prefix(told: _Told, now: datetime) -> str:
    """Why it is told now: an escalation, a time limit."""
    left = wording.time_left(told.alerts, now) if told.row.sla else ""
    return notices.prefix_of(told.row.kind == "escalation") or (f"⏰ 处理时限{left} " if left else "")


def _significant(told: _Told) -> str:
    """What has to change for the group to be told of again: level, state, people, size by its order of magnitude,
    what rules want told of its time limit, what was found out about it, if anything; on a card also what a model said
    of that."""
    parts: tuple[object, ...] = (
        wording.gravest(told.alerts), wording.state_of(told.alerts), len(told.alerts).bit_length(),
    )  # fmt: skip
    found = events.finding(told.alerts, told.known)
    parts += tuple(filter(None, (told.row.sla, "" if found == Investigation.NOTHING_FOUND else found)))
    parts += (events.reading(told.alerts, told.known),) if told.on_card else ()
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()
