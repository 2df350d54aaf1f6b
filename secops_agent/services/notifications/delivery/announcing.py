"""Announcing: due messages about alerts go to the outbox, one short transaction at a time, safe on several workers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, QuerySet

from bifang.channels.allowance import Means, SendingAllowance, allowance
from bifang.channels.queues import outbox
from bifang.core.database.db import database_now
from bifang.core.database.rows import lock_idle
from bifang.core.monitoring import tracing
from secops_agent.models import AlertMessage, MessageState, NotificationTarget, Silence, TargetKind
from secops_agent.services.clock import clock
from secops_agent.services.notifications import preferences, silences
from secops_agent.services.notifications.delivery import (
    bursts,
    calling,
    contents,
    digests,
    events,
    notices,
    progress,
    reaching,
    silence_lines,
    wording,
)
from secops_agent.services.notifications.delivery.contents import Told
from secops_agent.services.notifications.targets import means_of
from secops_agent.services.switches import NO_SPEECH, read_switches

READ: Final = 64  # messages looked at in one transaction, and some 5 ms for each one that is then sent:
ROUND: Final = 8  # people who ask wait for it
CARD_PAUSE: Final = timedelta(seconds=3)  # where the message is a card
PAUSE: Final = timedelta(seconds=60)  # between two messages about the same, where it is text
OVER: Final = "告警已经关闭，没有再发送"
ANNOUNCED: Final = ("group", "escalation")


def step() -> int:
    """Announce what is due; returns how many messages were looked at. Raises DatabaseError."""
    now = database_now()
    if not _due(now).exists():  # asked every second: without SQLite's one write lock
        return 0
    with transaction.atomic():
        targets = NotificationTarget.objects.filter(pk__in=_due(now).order_by().values("target"))
        mine = [each.pk for each in lock_idle(targets.order_by("pk"))]  # a burst is one worker's
        rows = list(lock_idle(_due(now).filter(target__in=mine))[:READ])
        found = contents.read(rows)
        _end_empty({row.pk for row in rows} - {told.row.pk for told in found})
        open_now = _Now(now, silences.active(now), _allowances(rows), NO_SPEECH in read_switches())
        news = [told for told in found if _is_to_be_told(told, open_now)]
        for told in bursts.gather(news, now)[:ROUND]:
            _announce(told, open_now)
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


@dataclass(frozen=True, slots=True)
class _Now:
    """What is in force in a round: silences, what may be sent for whom, and 不主动说话."""

    at: datetime
    quiet: Sequence[Silence]
    spare: Mapping[tuple[int | None, Means], SendingAllowance]
    silent: bool


def _is_to_be_told(told: Told, now: _Now) -> bool:
    """Else it has no news, or something holds it back; that is noted."""
    row, spare = told.row, now.spare[_payer(told.row)]
    if row.digest and not told.has_news:
        progress.mark(row, told.is_over, row.sent_at)
    elif not row.digest and told.is_over and row.burst not in bursts.UPDATES:
        progress.end(row, OVER)
    elif now.silent and not told.on_card:
        digests.hold_silent(row, now.at)
    elif (held := _silence(told, now)) is not None and not told.on_card:
        progress.hold(
            row, f"静默：{held}（到 {clock(held.ends_at)}）", silence_lines.line_of(held, row, now.at)
        )
        silences.count([held])
    elif (
        spare.scarce and told.level != "critical" and not _by_phone(row)
    ):  # the rest is kept for what is grave
        digests.hold(row, spare, now.at)
    else:
        return True
    return False


def _by_phone(row: AlertMessage) -> bool:
    """Is there nothing to send? It is called for, and that costs no message."""
    return row.target.kind == TargetKind.GATEWAY


def _silence(told: Told, now: _Now, *, any_level: bool = False) -> Silence | None:
    return silences.covering_all(now.quiet, told.alerts, told.facts, any_level=any_level)


def _announce(told: Told, now: _Now) -> None:
    row = told.row
    due = _next_time(told, now) if row.digest and row.sent_at else now.at
    if due > now.at:
        AlertMessage.objects.filter(pk=row.pk).update(due_at=due)
    else:
        _tell(told, now)


def _next_time(told: Told, now: _Now) -> datetime:
    """When the next may be said about the same. A card changes in place."""
    return (told.row.sent_at or now.at) + (CARD_PAUSE if told.on_card else PAUSE)


def _tell(told: Told, now: _Now) -> None:
    row = told.row
    address = reaching.address_of(row, now.at)
    if address is None:
        return
    if address.staff and not preferences.wanted_now(row, address.staff, told.level, now.at):
        return
    prefix, key = _prefix(told, now.at), f"alert:{row.pk}:{row.wanted}"
    target = address.target
    called = not row.digest and calling.plan(row, address, key, told.alerts, now.at)
    if not _by_phone(row):
        known = events.latest(told.alerts) if called else told.known
        notice = notices.update_of(told, group=address.hides_private) or notices.compose(
            told.alerts, told.facts, known, burst=row.burst, quiet=_silence(told, now, any_level=True), prefix=prefix,
            heard=not target.robot, group=address.hides_private,
        )  # fmt: skip
        with tracing.span("notify", progress.trace_of(row.pk), row.opened_at.timestamp() * 1000):
            outbox.notify(
                address.config_id, target, notice.text, key=key, title=f"{prefix}{notice.title}",
                suggestions=notice.suggestions, buttons=notice.buttons, card=_card(row), at_staff_id=notice.mention,
            )  # fmt: skip
    row.digest, row.level = told.digest, told.level
    row.told_to, row.told_at = row.told_to or address.name[:200], row.told_at or now.at
    progress.mark(row, told.is_over or row.burst not in progress.PICTURED, now.at)


def _card(row: AlertMessage) -> str:
    return progress.card_of(row) if row.burst in progress.PICTURED else ""


def _prefix(told: Told, now: datetime) -> str:
    """Why it is told now: an escalation, a time limit."""
    left = wording.time_left(told.alerts, now) if told.row.sla else ""
    return notices.prefix_of(told.row.kind == "escalation") or (f"⏰ 处理时限{left} " if left else "")
