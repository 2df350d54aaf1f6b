"""What is to be said: stored with the turn it answers, claimed in order, kept until somebody accepted it."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import F

from bifang.channels.known_groups import among_us
from bifang.channels.models import OutboxRow, State
from bifang.channels.ports import (
    Button,
    Delivered,
    FileToSend,
    Part,
    Reply,
    ReplyTarget,
    Suggestion,
    Turn,
)
from bifang.channels.queues import claims
from bifang.channels.queues.claims import EVERYTHING, NOBODY, Remit
from bifang.channels.queues.targets import pack_target, target_key, to_ms, unpack_target
from bifang.channels.text import outgoing
from bifang.core.database.db import database_now, short_transaction
from bifang.core.database.rows import insert_many
from bifang.core.errors import BifangError
from bifang.core.secrets.sealed import place_of


def add(answers: Sequence[tuple[Turn, Sequence[Reply]]], now: datetime) -> None:
    """Store the replies of turns, in the caller's transaction; replies without an address are none."""
    rows = [
        _row(turn, reply, target, number, now)
        for turn, replies in answers
        for number, reply in enumerate(replies, 1)
        if (target := reply.target or turn.target) is not None
    ]
    insert_many(OutboxRow, rows)


def _row(turn: Turn, reply: Reply, target: ReplyTarget, number: int, now: datetime) -> dict[str, Any]:
    mention = reply.at_sender and target.is_group and reply.target is None
    key = f"{turn.inbox_id}:{turn.token[-12:]}:{number}"
    return {
        "inbox_id": turn.inbox_id,
        "config_id": turn.config_id,
        "order_key": target_key(turn.config_id, target),
        "key": key,
        "title": outgoing.safe_line(reply.title)[:200],
        "text": outgoing.with_taps(reply),
        "buttons": _pack_buttons(reply.buttons),
        "at_staff_id": target.staff_id if mention else "",
        "created_at": now,
        **_pack_file(reply.file),
        **pack_target(target, place_of(OutboxRow, "webhook", {"key": key})),
    }


def _pack_buttons(buttons: Sequence[Button]) -> list[dict[str, Any]] | None:
    """None for no buttons, which is nearly always."""
    return [asdict(outgoing.safe_button(button)) for button in buttons] or None


def _pack_file(file: FileToSend | None) -> dict[str, Any]:
    """Its columns; none for no file."""
    return {"file_name": outgoing.safe_line(file.name)[:200], "file": file.content} if file else {}


def _file_of(row: OutboxRow) -> FileToSend | None:
    return FileToSend(row.file_name, bytes(row.file)) if row.file is not None else None


def notify(
    config_id: int,
    target: ReplyTarget,
    text: str,
    *,
    key: str,
    title: str = "",
    buttons: Sequence[Button] = (),
    suggestions: Sequence[Suggestion] = (),
    card: str = "",
    at_staff_id: str = "",
    file: FileToSend | None = None,
) -> None:
    """Store a message that answers no turn, in the caller's transaction; a sender picks it up.

    ``key`` is its identity (at most 100 characters): told twice, sent once. ``text`` fits one message. ``card`` (at
    most 60): messages with the same value show on one card. ``at_staff_id`` is mentioned where the way that it goes
    out can. Where outsiders read along it goes to ``target.staff_id`` alone.
    """
    target = among_us(config_id, target)
    row_key = f"note:{key}"
    row = {
        "config_id": config_id,
        "order_key": target_key(config_id, target),
        "key": row_key,
        "title": outgoing.safe_line(title)[:200],
        "text": outgoing.with_taps(Reply(text, suggestions=tuple(suggestions))),
        "buttons": _pack_buttons(buttons),
        "card": card,
        "at_staff_id": at_staff_id[:100] if target.is_group else "",
        "created_at": database_now(),
        **_pack_file(file),
        **pack_target(target, place_of(OutboxRow, "webhook", {"key": row_key})),
    }
    insert_many(OutboxRow, [row], skip_existing=True)


def part_of(row: OutboxRow) -> Part:
    """A row as what is to be delivered. Raises SecretError."""
    target = unpack_target(
        row.target, row.webhook, row.webhook_expires_at, place_of(OutboxRow, "webhook", row)
    )
    return Part(
        outbox_id=row.pk,
        token=row.token,
        order_key=row.order_key,
        inbox_id=row.inbox_id,
        config_id=row.config_id,
        key=row.key,
        title=row.title,
        text=row.text,
        at_staff_id=row.at_staff_id,
        target=target or ReplyTarget("", is_group=False),
        created_ms=to_ms(row.created_at),
        buttons=tuple(Button(**button) for button in row.buttons or ()),
        card=row.card,
        file=_file_of(row),
    )


def is_on_card(card: str) -> bool:
    """Did a message of this card go out as one?"""
    return OutboxRow.objects.filter(card=card, route="card").exists()


def is_text(card: str) -> bool:
    """Did a message of this card go out, and none as a card?"""
    sent = OutboxRow.objects.filter(card=card, state=State.DONE)
    return bool(card) and sent.exists() and not is_on_card(card)


def claim(owner: str, room: int, scope: Remit = EVERYTHING) -> list[Part]:
    """Claim up to `room` waiting rows that nothing is ahead of, and what waits behind them."""
    where, given = claims.in_order(scope)
    parts = []
    for row in claims.claim(OutboxRow, owner, room, where=where, given=given, with_followers=True):
        try:
            parts.append(part_of(row))
        except BifangError as error:
            claims.bury(claims.held(OutboxRow, (row.pk, row.token)), error.message)
    return parts


@dataclass(frozen=True, slots=True)
class Sent:
    """A part that the remote side accepted."""

    part: Part
    delivered: Delivered


def mark_sent(items: Sequence[Sent]) -> list[None]:
    """Record deliveries, grouped into few statements; also if another worker took the row over meanwhile.

    The webhooks and files are erased.
    """
    groups: dict[Delivered, list[int]] = defaultdict(list)
    for item in items:
        groups[item.delivered].append(item.part.outbox_id)
    sent = {
        "state": State.DONE,
        "sent_at": database_now(),
        "last_error": "",
        "webhook": None,
        "file": None,
        **NOBODY,
    }
    with short_transaction():
        for delivered, ids in groups.items():
            rows = OutboxRow.objects.filter(pk__in=ids)
            rows.update(route=delivered.route, receipt=delivered.receipt[:200], not_before=None, **sent)
    return [None] * len(items)


def mark_waiting(part: Part, reason: str) -> bool:
    """Record a failed attempt; the row stays ours and will be tried again. False: it is no longer ours."""
    return bool(ours(part).update(attempts=F("attempts") + 1, **claims.failure(reason)))


def mark_dead(part: Part, reason: str) -> bool:
    """Give a part up with the reason."""
    return bool(claims.bury(ours(part), reason, attempts=F("attempts") + 1))


def mark_unknown(part: Part, reason: str) -> bool:
    """It may have arrived: it is not sent again, and shown as such."""
    return bool(claims.bury(ours(part), reason, state=State.UNKNOWN, attempts=F("attempts") + 1))


def ours(part: Part) -> "models.QuerySet[OutboxRow]":
    """Its row, if nobody has taken it over."""
    return claims.held(OutboxRow, (part.outbox_id, part.token))


def let_go(parts: Sequence[Part]) -> int:
    """Hand parts back, unsent."""
    return sum(claims.release(ours(part)) for part in parts)


def supersede(ids: Collection[int]) -> int:
    """Dead rows whose news arrived with a later one: done, with the reason kept; returns how many."""
    dead = OutboxRow.objects.filter(pk__in=ids, state=State.DEAD)
    return dead.update(state=State.DONE, sent_at=database_now(), webhook=None, file=None)


def resend(rows: "models.QuerySet[OutboxRow]") -> int:
    """Put rows that were given up back to waiting; returns how many."""
    given_up = rows.filter(state__in=(State.DEAD, State.UNKNOWN))
    return claims.release(given_up, attempts=0, not_before=None)
