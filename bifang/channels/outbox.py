"""What the sender does in the database: create reply rows, claim them, record what became of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.db.models import F

from bifang.channels import outgoing, statements
from bifang.channels.inbox import order_key, pack_target, unpack_target
from bifang.channels.leases import FREE, LEASE, database_now, new_lease
from bifang.channels.models import OutboxRow, State
from bifang.channels.ports import Button, Delivered, Part, Reply, ReplyTarget, Turn
from bifang.core.errors import BifangError
from bifang.core.rows import insert_many
from bifang.core.sealed import place_of

if TYPE_CHECKING:
    from bifang.channels.handling import Finished


@dataclass(frozen=True, slots=True)
class Draft:
    """A reply of a finished turn and the row that it becomes."""

    turn: Turn
    reply: Reply
    target: ReplyTarget
    row: dict[str, Any]


def draft(items: "Sequence[Finished]", now: datetime) -> list[Draft]:
    """The reply rows of finished turns, in nobody's hands; replies without an address are none."""
    return [
        Draft(item.turn, reply, target, _row(item.turn, reply, target, number, now))
        for item in items
        for number, reply in enumerate(item.replies, 1)
        if (target := reply.target or item.turn.target) is not None
    ]


def create(items: "Sequence[Finished]", owner: str, now: datetime) -> dict[int, list[Part]]:
    """Insert the reply rows of finished turns, leased to `owner` where nothing earlier waits elsewhere.

    Returns inbox id → the parts this process is to deliver at once.
    """
    drafts, lease = draft(items, now), new_lease(now)
    if not drafts:
        return {}
    keys = {one.row["order_key"] for one in drafts}
    behind = statements.keys_waiting_elsewhere(list(keys), owner)
    for row in (one.row for one in drafts):
        if owner and row["order_key"] not in behind:
            row |= {"state": State.LEASED, "owner": owner, "lease": lease, "leased_until": now + LEASE}
    found = insert_many(OutboxRow, [one.row for one in drafts], returning=("key", "id", "lease"))
    return leased_parts(drafts, {key: (pk, lease) for key, pk, lease in found})


def leased_parts(drafts: Sequence[Draft], found: Mapping[str, tuple[int, str]]) -> dict[int, list[Part]]:
    """Inbox id → the parts to deliver at once; ``found``: id and lease (or "") of a row by its key."""
    parts: dict[int, list[Part]] = defaultdict(list)
    for one in drafts:
        pk, lease = found.get(one.row["key"], (0, ""))
        if lease:
            parts[one.turn.inbox_id].append(_fresh_part(pk, lease, one))
    return parts


def target_key(config_id: int, target: ReplyTarget) -> str:
    """Replies to one place go out one after the other."""
    return order_key(config_id, target.conversation_id, "" if target.is_group else target.staff_id)


def _row(turn: Turn, reply: Reply, target: ReplyTarget, number: int, now: datetime) -> dict[str, Any]:
    mention = reply.at_sender and target.is_group and reply.target is None
    key = f"{turn.inbox_id}:{turn.lease[-12:]}:{number}"
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
        **pack_target(target, place_of(OutboxRow, "webhook", {"key": key})),
    }


def _fresh_part(pk: int, lease: str, one: Draft) -> Part:
    row = one.row
    return Part(
        outbox_id=pk,
        lease=lease,
        order_key=row["order_key"],
        inbox_id=row["inbox_id"],
        config_id=row["config_id"],
        key=row["key"],
        title=row["title"],
        text=row["text"],
        at_staff_id=row["at_staff_id"],
        target=one.target,
        created_ms=int(row["created_at"].timestamp() * 1000),
        buttons=one.reply.buttons,
    )


def _pack_buttons(buttons: Sequence[Button]) -> list[dict[str, Any]] | None:
    """None for no buttons, which is nearly always."""
    return [asdict(outgoing.safe_button(button)) for button in buttons] or None


def notify(
    config_id: int,
    target: ReplyTarget,
    text: str,
    *,
    key: str,
    title: str = "",
    buttons: Sequence[Button] = (),
) -> None:
    """Store a message that answers no turn, in the caller's transaction; a sender picks it up.

    ``key`` is its identity (at most 100 characters): told twice, sent once. ``text`` fits one message.
    """
    row_key = f"note:{key}"
    row = {
        "config_id": config_id,
        "order_key": target_key(config_id, target),
        "key": row_key,
        "title": outgoing.safe_line(title)[:200],
        "text": outgoing.safe_text(text),
        "buttons": _pack_buttons(buttons),
        "created_at": database_now(),
        **pack_target(target, place_of(OutboxRow, "webhook", {"key": row_key})),
    }
    insert_many(OutboxRow, [row], skip_existing=True)


def _part(row: OutboxRow, target: ReplyTarget) -> Part:
    return Part(
        outbox_id=row.pk,
        lease=row.lease,
        order_key=row.order_key,
        inbox_id=row.inbox_id,
        config_id=row.config_id,
        key=row.key,
        title=row.title,
        text=row.text,
        at_staff_id=row.at_staff_id,
        target=target,
        created_ms=int(row.created_at.timestamp() * 1000),
        buttons=tuple(Button(**button) for button in row.buttons or ()),
    )


def anything_waits() -> bool:
    """Is there a reply in nobody's hands, its turn or not?"""
    return OutboxRow.objects.filter(state=State.PENDING).exists()


def claim(owner: str, room: int, config_ids: frozenset[int] | None) -> list[Part]:
    """Lease up to `room` waiting rows, at most one of each order key."""
    from bifang.channels.handling import eligible

    now = database_now()
    if room <= 0:
        return []
    parts: list[Part] = []
    lease = new_lease(now)
    with transaction.atomic():
        rows = eligible(OutboxRow, now)
        if config_ids is not None:
            rows = rows.filter(config_id__in=config_ids)
        for row in rows[:room]:
            row.lease = lease
            try:
                place = place_of(OutboxRow, "webhook", row)
                target = unpack_target(row.target, row.webhook, row.webhook_expires_at, place)
            except BifangError as error:
                _bury(row.pk, error.message, now)
                continue
            if target is not None:
                parts.append(_part(row, target))
        ids = [part.outbox_id for part in parts]
        if ids:
            OutboxRow.objects.filter(pk__in=ids).update(
                state=State.LEASED, owner=owner, lease=lease, leased_until=now + LEASE
            )
    return parts


def _bury(pk: int, reason: str, now: datetime) -> None:
    OutboxRow.objects.filter(pk=pk).update(state=State.DEAD, last_error=reason, last_error_at=now, **_NOBODY)


_NOBODY = {"owner": "", "lease": "", "leased_until": None}


@dataclass(frozen=True, slots=True)
class Sent:
    """A part that the remote side accepted."""

    part: Part
    delivered: Delivered


def mark_sent(items: Sequence[Sent]) -> list[bool]:
    """Record deliveries, grouped into few statements. True even if another worker took the row over meanwhile."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for item in items:
        groups[item.delivered.route, item.delivered.receipt].append(item.part.outbox_id)
    for (route, receipt), ids in groups.items():
        statements.mark_delivered(ids, route, receipt[:200])
    return [True] * len(items)


def mark_waiting(part: Part, reason: str) -> bool:
    """Record a failed attempt; the row stays ours and will be tried again. False: it is no longer ours."""
    return bool(
        _ours(part).update(attempts=F("attempts") + 1, last_error=reason[:2000], last_error_at=database_now())
    )


def mark_dead(part: Part, reason: str) -> bool:
    """Give a part up with the reason."""
    return bool(
        _ours(part).update(
            state=State.DEAD, attempts=F("attempts") + 1, last_error=reason[:2000], last_error_at=database_now(),
            **_NOBODY,
        )
    )  # fmt: skip


def still_ours(part: Part) -> bool:
    """Has nobody taken this row over?"""
    return _ours(part).exists()


def _ours(part: Part) -> "models.QuerySet[OutboxRow]":
    return OutboxRow.objects.filter(pk=part.outbox_id, lease=part.lease, state=State.LEASED)


def let_go(parts: Sequence[Part]) -> int:
    """Hand parts back, unsent."""
    ids = [part.outbox_id for part in parts]
    leases = {part.lease for part in parts}
    return OutboxRow.objects.filter(pk__in=ids, lease__in=leases, state=State.LEASED).update(**FREE)


def resend(rows: "models.QuerySet[OutboxRow]") -> int:
    """Put dead rows back to waiting; returns how many."""
    return rows.filter(state=State.DEAD).update(state=State.PENDING, attempts=0, not_before=None, **_NOBODY)
