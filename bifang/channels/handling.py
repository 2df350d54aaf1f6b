"""What the dispatcher does in the database: claim rows, finish them, record failures."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, models, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from bifang.channels import lone, outbox, postgres, statements
from bifang.channels.inbox import unpack_target
from bifang.channels.leases import LEASE, database_now, new_lease, new_secret
from bifang.channels.models import OPEN, InboxRow, LeasedRow, State
from bifang.channels.ports import Part, Reply, Turn
from bifang.core.db import on_postgresql
from bifang.core.errors import BifangError
from bifang.core.express.errand import Errand
from bifang.core.rows import NewRow, insert_many
from bifang.core.sealed import place_of

MAX_ATTEMPTS = 5
RETRY_AFTER = (2, 5, 15, 30)  # seconds, by attempt
INTERRUPTED = "处理过程多次中断（进程被终止或崩溃），已停止重试。"


@dataclass(frozen=True, slots=True)
class Finished:
    """A turn that ran: what to send, already split, and model rows to insert with it."""

    turn: Turn
    replies: tuple[Reply, ...]
    rows: tuple[NewRow, ...] = ()


def eligible(box: type[LeasedRow], now: datetime) -> "models.QuerySet[Any]":
    """Waiting rows whose turn it is: nothing earlier with the same order key is open."""
    earlier = box._default_manager.filter(
        order_key=OuterRef("order_key"), pk__lt=OuterRef("pk"), state__in=OPEN
    )
    due = Q(not_before=None) | Q(not_before__lte=now)
    rows = box._default_manager.filter(due, ~Exists(earlier), state=State.PENDING).order_by("pk")
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True, of=("self",))
    return rows


def anything_waits() -> bool:
    """Is there a row that is not handled and in nobody's hands, its turn or not?"""
    return InboxRow.objects.filter(state=State.PENDING).exists()


def claim(owner: str, room: int, config_ids: frozenset[int] | None) -> list[Turn]:
    """Lease up to `room` rows to `owner`; urgent ones even without room. Oldest first."""
    now = database_now()
    with transaction.atomic():
        rows = eligible(InboxRow, now)
        if config_ids is not None:
            rows = rows.filter(config_id__in=config_ids)
        taken = {row[0]: row for row in rows.values_list(*NEEDED)[:room]} if room else {}
        if len(taken) == room:
            taken |= {row[0]: row for row in rows.filter(urgent=True).values_list(*NEEDED)[:100]}
        return _lease(list(taken.values()), owner, now)


def _lease(rows: Sequence[tuple[Any, ...]], owner: str, now: datetime) -> list[Turn]:
    lease = new_lease(now)
    turns: list[Turn] = []
    for row in rows:
        try:
            turn = make_turn(row, lease)
        except BifangError as error:
            _bury(make_turn(_without_webhook(row), lease), error.message, now)
            continue
        if turn.attempt > MAX_ATTEMPTS:
            _bury(turn, INTERRUPTED, now)
        else:
            turns.append(turn)
    _update(
        [turn.inbox_id for turn in turns],
        state=State.LEASED, owner=owner, lease=lease, leased_until=now + LEASE, attempts=F("attempts") + 1,
    )  # fmt: skip
    return turns


def _update(ids: Sequence[int], **values: Any) -> int:
    return InboxRow.objects.filter(pk__in=ids).update(**values) if ids else 0


def _without_webhook(row: Sequence[Any]) -> tuple[Any, ...]:
    """An address whose secret cannot be opened any more still leads there through the OpenAPI."""
    return tuple(
        None if name.startswith("webhook") else value for name, value in zip(NEEDED, row, strict=True)
    )


def _bury(turn: Turn, reason: str, now: datetime) -> None:
    _update([turn.inbox_id], state=State.DEAD, last_error=reason, last_error_at=now, handled_at=now)
    _apologise(turn, reason, now)


def _apologise(turn: Turn, reason: str, now: datetime) -> None:
    """Tell the sender of a dead letter, so that nobody waits for an answer that will not come."""
    if turn.kind == "chat" and turn.target is not None:
        text = f"抱歉，这条消息没能处理：{reason}\n\n管理员可以在「收件箱」里重新处理。"
        outbox.create([Finished(turn, (Reply(text, title="处理失败"),))], "", now)


NEEDED = (
    "pk", "attempts", "config_id", "kind", "external_id", "conversation_id", "sender_id", "text", "payload",
    "target", "webhook", "webhook_expires_at", "received_at", "urgent",
)  # fmt: skip


def make_turn(row: Sequence[Any], lease: str) -> Turn:
    """A row's `NEEDED` columns as a turn. Raises SecretError."""
    (pk, attempts, config_id, kind, external_id, conversation_id, sender_id, text, payload,
     target, webhook, expires, received_at, urgent) = row  # fmt: skip
    return Turn(
        inbox_id=pk,
        lease=lease,
        attempt=attempts + 1,
        config_id=config_id,
        kind=kind,
        external_id=external_id,
        conversation_id=conversation_id,
        sender_id=sender_id,
        text=text,
        payload=payload,
        target=unpack_target(
            target,
            webhook,
            expires,
            place_of(InboxRow, "webhook", {"config_id": config_id, "kind": kind, "external_id": external_id}),
        ),
        received_at_ms=int(received_at.timestamp() * 1000),
        urgent=urgent,
    )


def finish(items: Sequence[Finished], owner: str) -> list[list[Part] | None]:
    """Replies, rows and "handled" in one transaction; None for a turn whose lease is no longer ours."""
    ours, parts = (_finish_in_one if on_postgresql() else _finish_by_steps)(items, owner)
    return [parts.get(item.turn.inbox_id, []) if item.turn.inbox_id in ours else None for item in items]


_Outcome = tuple[
    set[int], dict[int, list[Part]]
]  # inbox ids that were still ours, the parts to deliver at once


def _finish_in_one(items: Sequence[Finished], owner: str) -> _Outcome:
    drafts = outbox.draft(items, timezone.now())
    ours, found = postgres.finish(
        _leases(items),
        [one.row | {"turn": one.turn.inbox_id} for one in drafts],
        _by_model(
            (row.model, {**row.values, "turn": item.turn.inbox_id}) for item in items for row in item.rows
        ),
        owner,
        new_secret(),
    )
    return ours, outbox.leased_parts(drafts, found)


def finish_alone(item: Finished, owner: str) -> Errand[list[Part] | None]:
    """The same for one turn, as an errand."""
    drafts = outbox.draft([item], timezone.now())
    (lease,) = _leases([item])
    rows = [(row.model, row.values) for row in item.rows]

    def parts(handled: postgres.Handled) -> list[Part] | None:
        ours, found = handled
        return outbox.leased_parts(drafts, found).get(item.turn.inbox_id, []) if ours else None

    return lone.finishing(lease, [one.row for one in drafts], rows, owner).then(parts)


def _finish_by_steps(items: Sequence[Finished], owner: str) -> _Outcome:
    with transaction.atomic():
        now = database_now()
        ours = statements.mark_handled(_leases(items), now)
        won = [item for item in items if item.turn.inbox_id in ours]
        parts = outbox.create(won, owner, now)
        for model, rows in _by_model((row.model, row.values) for item in won for row in item.rows).items():
            insert_many(model, rows)
    return ours, parts


def _leases(items: Sequence[Finished]) -> list[tuple[int, str]]:
    return [(item.turn.inbox_id, item.turn.lease) for item in items]


_Row = Mapping[str, Any]


def _by_model(rows: Iterable[tuple[type[models.Model], _Row]]) -> dict[type[models.Model], list[_Row]]:
    found: dict[type[models.Model], list[_Row]] = defaultdict(list)
    for model, row in rows:
        found[model].append(row)
    return found


def annotate(turn: Turn, note: str) -> None:
    """Say beside the message why it has no answer, while it is ours."""
    mine = InboxRow.objects.filter(pk=turn.inbox_id, lease=turn.lease, state=State.LEASED)
    mine.update(last_error=note, last_error_at=database_now())


def fail(turn: Turn, reason: str, *, permanent: bool) -> bool:
    """Record a failure: try again later, or make it a dead letter. False if the lease was no longer ours."""
    now = database_now()
    dead = permanent or turn.attempt >= MAX_ATTEMPTS
    wait = RETRY_AFTER[min(turn.attempt, len(RETRY_AFTER)) - 1]
    values: dict[str, Any] = {
        "state": State.DEAD if dead else State.PENDING,
        "not_before": None if dead else now + timedelta(seconds=wait),
        "handled_at": now if dead else None,
        "last_error": reason,
        "last_error_at": now,
        "owner": "",
        "lease": "",
        "leased_until": None,
    }
    with transaction.atomic():
        mine = InboxRow.objects.filter(pk=turn.inbox_id, lease=turn.lease, state=State.LEASED)
        ours = bool(mine.update(**values))
        if ours and dead:
            _apologise(turn, reason, now)
    return ours


def stop(config_id: int, conversation_id: str, sender_id: str, *, beside: int = 0) -> list[int]:
    """End the running turns of a sender in a conversation: they count as handled, their results are void.

    Returns their inbox ids; `beside` is the row that asks for it. Wherever a turn runs, its lease is gone:
    nothing of it is stored any more.
    """
    running = InboxRow.objects.exclude(pk=beside).filter(
        config_id=config_id, conversation_id=conversation_id, sender_id=sender_id, kind="chat", urgent=False,
        state=State.LEASED,
    )  # fmt: skip
    leases = dict(running.values_list("pk", "lease"))
    now = database_now()
    gone = {"state": State.DONE, "handled_at": now, "owner": "", "lease": "", "leased_until": None}
    return [pk for pk, lease in leases.items() if running.filter(pk=pk, lease=lease).update(**gone)]


def reprocess(rows: "models.QuerySet[InboxRow]") -> int:
    """Put handled or dead rows back to waiting; rows that cannot be read or are open stay. Returns how many."""
    again = rows.filter(state__in=(State.DONE, State.DEAD), unreadable=None)
    return again.update(
        state=State.PENDING,
        attempts=0,
        not_before=None,
        told_at=None,
        handled_at=None,
        owner="",
        lease="",
        leased_until=None,
    )
