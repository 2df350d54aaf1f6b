"""What is received: stored once and for good before anyone is told, claimed in order, finished once."""

import base64
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast

from django.db import models, transaction

from bifang.channels.models import InboxRow, State
from bifang.channels.ports import Incoming, Kind, Reply, Turn, TurnResult
from bifang.channels.queues import claims, outbox
from bifang.channels.queues.claims import EVERYTHING, Remit
from bifang.channels.queues.targets import order_key, pack_target, to_ms, unpack_target
from bifang.core.database import db
from bifang.core.database.batcher import Batcher
from bifang.core.database.db import database_now, on_postgresql, run, short_transaction
from bifang.core.database.durability import safe_on_disk
from bifang.core.database.rows import insert_many
from bifang.core.errors import BifangError
from bifang.core.secrets.sealed import Sealed, place_of

MAX_ATTEMPTS: Final = 5
RETRY_AFTER: Final = (2, 5, 15, 30)  # seconds, by attempt
# Of what waits, what was said first. What arrives late is next, never beside what runs.
AHEAD: Final = "e.state = 'claimed' OR (e.said_ms, e.id) < (r.said_ms, r.id)"
CLOCKS_APART_MS: Final = 600_000  # how far a platform's time may lie from ours and count
# Where several processes store what comes in, a row is claimed when it is so old: what was said before it may still be
# on its way in another, busy one. A clock that is further ahead than that holds nothing up.
SETTLED: Final = timedelta(milliseconds=150)
_SETTLED: Final = " AND (r.urgent OR NOT r.received_at BETWEEN %s AND %s)"
_LOCK: Final = 0x494E4258  # "INBX": the advisory locks of inserts on PostgreSQL
_ABANDONED: Final = "10s"
_IN_TURN: Final = (
    "SELECT set_config('idle_in_transaction_session_timeout', %s, true), pg_advisory_xact_lock(%s::int, place) "
    "FROM unnest(%s::int[]) AS place"
)
MOST_URGENT: Final = 100  # claimed at once though there is no room
INTERRUPTED: Final = "处理过程多次中断（进程被终止或崩溃），已停止重试。"


async def receive(item: Incoming) -> None:
    """Store an item; returns when it is on the disk (then, and only then, acknowledge). From any event loop."""
    await _receiving.call(item)
    await safe_on_disk()


def store(items: Sequence[Incoming]) -> list[None]:
    """Insert what is new, in one transaction; what was there stays as it is."""
    now = database_now()  # what waits for `SETTLED` is reckoned by it, and machines differ
    rows = [_row(item, now) for item in items]
    with short_transaction():
        _await_turn({row["order_key"] for row in rows})
        insert_many(InboxRow, rows, skip_existing=True)
    return [None] * len(items)


def _await_turn(keys: Collection[str]) -> None:
    """What has one order key is numbered when what came before it can be seen, whichever process stored that: a commit may
    take long, and nobody may claim the later message meanwhile. SQLite has one writer anyway.

    A machine that vanishes within its insert holds the others up for `_ABANDONED`.
    """
    if on_postgresql():
        places = sorted({int.from_bytes(bytes.fromhex(key[:8]), signed=True) for key in keys})
        run(_IN_TURN, [_ABANDONED, _LOCK, places])  # sorted: two never wait for each other


_receiving: Batcher[Incoming, None] = Batcher(store, limit=200, submit=db.promptly)


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
        "said_ms": _said_ms(item, to_ms(now)),
        **pack_target(item.target, place_of(InboxRow, "webhook", identity)),
    }


def _said_ms(item: Incoming, now_ms: int) -> int:
    """What the platform says, within bounds; else when it came. It only ever orders what one sender said in one place."""
    return min(max(item.said_ms or now_ms, now_ms - CLOCKS_APART_MS), now_ms + CLOCKS_APART_MS)


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


def claim(owner: str, room: int, scope: Remit = EVERYTHING, *, shared: bool = False) -> list[Turn]:
    """Claim up to `room` rows for `owner`, oldest first; urgent ones even without room.

    Two workers store what one sender says (``shared``): of what is stored and not begun, what was said first is answered
    first.
    """
    where, given = claims.in_order(scope, AHEAD)
    if shared:
        now = database_now()
        where, given = where + _SETTLED, [*given, now - SETTLED, now + SETTLED]
    with short_transaction():
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


def finish(items: Sequence[tuple[Turn, TurnResult]]) -> list[bool]:
    """Replies, already split, rows and "handled" in one transaction. False for a turn whose claim no longer holds."""
    with short_transaction():
        now = database_now()
        ours = claims.finish(InboxRow, [(turn.inbox_id, turn.token) for turn, _ in items], handled_at=now)
        won = [(turn, result) for turn, result in items if turn.inbox_id in ours]
        outbox.add([(turn, result.replies) for turn, result in won], now)
        for model, rows in _by_model(result for _, result in won).items():
            insert_many(model, rows)
        for turn, result in won:
            if result.note:
                InboxRow.objects.filter(pk=turn.inbox_id).update(**claims.failure(result.note))
    return [turn.inbox_id in ours for turn, _ in items]


def _by_model(results: Iterable[TurnResult]) -> dict[type[models.Model], list[Mapping[str, Any]]]:
    found: dict[type[models.Model], list[Mapping[str, Any]]] = defaultdict(list)
    for row in (row for result in results for row in result.rows):
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


def reprocess(rows: "models.QuerySet[InboxRow]", *, handled: bool = True) -> int:
    """Put dead rows back to waiting, and ``handled`` ones; rows that cannot be read or are open stay. Returns how many.

    What was handled is said a second time in its sender's name.
    """
    states = (State.DONE, State.DEAD) if handled else (State.DEAD,)
    again = rows.filter(state__in=states, unreadable=None)
    return claims.release(again, attempts=0, not_before=None, told_at=None, handled_at=None)
