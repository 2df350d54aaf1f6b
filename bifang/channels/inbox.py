"""What is received: stored once and for good before anyone is told, claimed in order, finished once."""

import base64
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from django.db import models, transaction
from django.utils import timezone

from bifang.channels import claims, outbox
from bifang.channels.claims import EVERYTHING, Remit
from bifang.channels.models import InboxRow, State
from bifang.channels.ports import Incoming, Kind, Reply, Turn
from bifang.channels.targets import order_key, pack_target, to_ms, unpack_target
from bifang.core.batcher import Batcher
from bifang.core.db import database_now
from bifang.core.durability import safe_on_disk
from bifang.core.errors import BifangError
from bifang.core.rows import NewRow, insert_many
from bifang.core.sealed import Sealed, place_of

MAX_ATTEMPTS: Final = 5
RETRY_AFTER: Final = (2, 5, 15, 30)  # seconds, by attempt
MOST_URGENT: Final = 100  # claimed at once though there is no room
INTERRUPTED: Final = "处理过程多次中断（进程被终止或崩溃），已停止重试。"


async def receive(item: Incoming) -> None:
    """Store an item; returns when it is on the disk (then, and only then, acknowledge). From any event loop."""
    await _receiving.call(item)
    await safe_on_disk()


def store(items: Sequence[Incoming]) -> list[None]:
    """Insert what is new, in one transaction; what was there stays as it is."""
    now = timezone.now()
    with transaction.atomic():
        insert_many(InboxRow, [_row(item, now) for item in items], skip_existing=True)
    return [None] * len(items)


_receiving: Batcher[Incoming, None] = Batcher(store, limit=200)


def _row(item: Incoming, now: datetime) -> dict[str, Any]:
    urgent_part = item.external_id if item.urgent or item.kind != "chat" else ""
    identity = {"config_id": item.config_id, "kind": item.kind, "external_id": item.external_id}
    return {
        **identity,
        "order_key": order_key(item.config_id, item.conversation_id, item.sender_id, urgent_part),
        "conversation_id": item.conversation_id,
        "sender_id": item.sender_id,
        "is_group": bool(item.target and item.target.is_group),
        "urgent": item.urgent,
        "text": item.text,
        "payload": item.payload,
        "state": State.DEAD if item.unreadable else State.PENDING,
        "last_error": item.reason,
        "last_error_at": now if item.reason else None,
        "unreadable": _seal_raw(item.unreadable, place_of(InboxRow, "unreadable", identity)),
        "received_at": now,
        **pack_target(item.target, place_of(InboxRow, "webhook", identity)),
    }


def _seal_raw(raw: bytes | None, place: str) -> Sealed | None:
    return Sealed.of(base64.b64encode(raw).decode(), place) if raw else None


def turn_of(row: InboxRow) -> Turn:
    """A row as what is to be answered. Raises SecretError."""
    return Turn(
        inbox_id=row.pk,
        token=row.token,
        attempt=row.attempts,
        config_id=row.config_id,
        kind=cast("Kind", row.kind),
        external_id=row.external_id,
        conversation_id=row.conversation_id,
        sender_id=row.sender_id,
        text=row.text,
        payload=row.payload,
        target=unpack_target(
            row.target, row.webhook, row.webhook_expires_at, place_of(InboxRow, "webhook", row)
        ),
        received_at_ms=to_ms(row.received_at),
        urgent=row.urgent,
    )


def claim(owner: str, room: int, scope: Remit = EVERYTHING) -> list[Turn]:
    """Claim up to `room` rows for `owner`, oldest first; urgent ones even without room."""
    where, given = claims.in_order(scope)
    with transaction.atomic():
        rows = claims.claim(InboxRow, owner, room, where=where, given=given, count_try=True)
        if len(rows) >= room:
            urgent = f"{where} AND r.urgent"
            rows += claims.claim(InboxRow, owner, MOST_URGENT, where=urgent, given=given, count_try=True)
        return [turn for row in rows if (turn := _workable(row)) is not None]


def _workable(row: InboxRow) -> Turn | None:
    """The turn; None for a row that can only be buried."""
    try:
        turn = turn_of(row)
    except BifangError as error:
        row.webhook = (
            None  # an address whose secret cannot be opened any more still leads there by the OpenAPI
        )
        _bury(turn_of(row), error.message)
        return None
    if turn.attempt > MAX_ATTEMPTS:
        _bury(turn, INTERRUPTED)
        return None
    return turn


@dataclass(frozen=True, slots=True)
class Finished:
    """A turn that ran: what to send, already split, and model rows to insert with it.

    ``note`` says why there is no answer.
    """

    turn: Turn
    replies: tuple[Reply, ...]
    rows: tuple[NewRow, ...] = ()
    note: str = ""


def finish(items: Sequence[Finished]) -> list[bool]:
    """Replies, rows and "handled" in one transaction. False for a turn whose claim no longer holds."""
    with transaction.atomic():
        now = database_now()
        held = [(item.turn.inbox_id, item.turn.token) for item in items]
        ours = claims.finish(InboxRow, held, handled_at=now)
        won = [item for item in items if item.turn.inbox_id in ours]
        outbox.add([(item.turn, item.replies) for item in won], now)
        for model, rows in _by_model(won).items():
            insert_many(model, rows)
        for item in won:
            if item.note:
                InboxRow.objects.filter(pk=item.turn.inbox_id).update(**claims.failure(item.note))
    return [item.turn.inbox_id in ours for item in items]


def _by_model(items: Sequence[Finished]) -> dict[type[models.Model], list[Mapping[str, Any]]]:
    found: dict[type[models.Model], list[Mapping[str, Any]]] = defaultdict(list)
    for row in (row for item in items for row in item.rows):
        found[row.model].append(row.values)
    return found


def fail(turn: Turn, reason: str, *, permanent: bool) -> bool:
    """Record a failure: try again later, or make it a dead letter. False if the claim no longer held."""
    if permanent or turn.attempt >= MAX_ATTEMPTS:
        return _bury(turn, reason)
    wait = timedelta(seconds=RETRY_AFTER[min(turn.attempt, len(RETRY_AFTER)) - 1])
    mine = claims.held(InboxRow, (turn.inbox_id, turn.token))
    return bool(claims.release(mine, not_before=database_now() + wait, **claims.failure(reason)))


def _bury(turn: Turn, reason: str) -> bool:
    """Its sender is told, so that nobody waits for an answer that will not come."""
    with transaction.atomic():
        now = database_now()
        ours = bool(claims.bury(claims.held(InboxRow, (turn.inbox_id, turn.token)), reason, handled_at=now))
        if ours and turn.kind == "chat":
            text = f"抱歉，这条消息没能处理：{reason}\n\n管理员可以在「收件箱」里重新处理。"
            outbox.add([(turn, (Reply(text, title="处理失败"),))], now)
    return ours


def stop(config_id: int, conversation_id: str, sender_id: str, *, beside: int = 0) -> list[int]:
    """End the running turns of a sender in a conversation: they count as handled, their results are void.

    Returns their inbox ids; `beside` is the row that asks for it. Wherever a turn runs, its claim is gone:
    nothing of it is stored any more.
    """
    running = InboxRow.objects.exclude(pk=beside).filter(
        config_id=config_id, conversation_id=conversation_id, sender_id=sender_id, kind="chat", urgent=False,
        state=State.CLAIMED,
    )  # fmt: skip
    return sorted(
        claims.finish(InboxRow, list(running.values_list("pk", "token")), handled_at=database_now())
    )


def reprocess(rows: "models.QuerySet[InboxRow]") -> int:
    """Put handled or dead rows back to waiting; rows that cannot be read or are open stay. Returns how many."""
    again = rows.filter(state__in=(State.DONE, State.DEAD), unreadable=None)
    return claims.release(again, attempts=0, not_before=None, told_at=None, handled_at=None)
