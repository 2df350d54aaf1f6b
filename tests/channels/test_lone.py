"""A message that comes alone is written as one of many is, without a thread in between."""

import re
from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Any

import pytest
from django.utils import timezone

from bifang.channels import handling, inbox
from bifang.channels.handling import NEEDED, Finished, make_turn
from bifang.channels.models import InboxRow, OutboxRow, State
from bifang.channels.ports import Button, Incoming, Reply, ReplyTarget, Turn
from bifang.core import db
from bifang.core.express.lines import Line
from bifang.core.rows import NewRow
from bifang.core.sealed import place_of
from secops_agent.models.audit import AuditRecord
from secops_agent.models.conversation import ConversationMessage
from secops_agent.models.usage import TurnUsage
from tests.channels.boxes import WEBHOOK, Hands, claim, incoming, robot, store
from tests.databases import Database
from tests.lines_aid import ask, line_of_loop

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("database")]
ODD = "「引号」' \" \\ %s %(x)s $1 {a} 表情 🐦 \t\n末尾 "


@pytest.fixture
async def line(database: Database) -> AsyncIterator[Line]:
    await db.call(robot)
    await db.call(AuditRecord.objects.all().delete)  # of the robot
    async with line_of_loop() as made:
        yield made


@pytest.fixture
async def hands(line: Line) -> AsyncIterator[Hands]:
    made = Hands()
    inbox.hand_over_to(made)
    yield made
    inbox.hand_over_to(None)


async def receive(line: Line, item: Incoming) -> bool | None:
    return await ask(line, await db.call(inbox.store_alone, item))


async def finish(
    line: Line, turn: Turn, *replies: Reply, rows: tuple[NewRow, ...] = (), owner: str = "me"
) -> Any:
    return await ask(line, await db.call(handling.finish_alone, Finished(turn, replies, rows), owner))


def values(model: Any, *but: str) -> list[dict[str, Any]]:
    """All rows, without what differs each time, leases with their form only, webhooks opened."""
    rows = list(model.objects.order_by("pk").values())
    for row in rows:
        if row.get("webhook"):
            row["webhook"] = row["webhook"].open(place_of(model, "webhook", row))
        for name in ("id", "external_id", "key", "inbox_id", *but):
            row.pop(name, None)
        if row.get("lease"):
            row["lease"] = re.sub(r"[0-9a-f]", "x", row["lease"])
        for name, value in row.items():
            if isinstance(value, datetime) and name != "webhook_expires_at":
                row[name] = round((value - timezone.now()).total_seconds() / 20)  # now, or a lease ahead
    return rows


def odd(number: int) -> Incoming:
    payload = {"nick": ODD, "none": None, "deep": [1, {"a": ODD}], "n": 12345678901234567890}
    item = incoming(ODD, sender=f"l'{number}", where=f"c\\{number}", payload=payload)
    target = ReplyTarget(item.conversation_id, True, item.sender_id, "dingx", WEBHOOK, 4_102_444_800_123)
    return Incoming(
        item.config_id, "chat", f"m'{number}", item.conversation_id, item.sender_id, ODD, payload, target
    )


async def test_row_stored_alone_is_the_row_stored_with_others(line: Line, hands: Hands) -> None:
    one = await db.call(odd, 1)
    await db.call(inbox.store, [one])
    with_others = await db.call(values, InboxRow)
    await db.call(InboxRow.objects.all().delete)
    assert await receive(line, one) is True
    assert await db.call(values, InboxRow) == with_others
    (first, second) = hands.turns
    row = await db.call(lambda: InboxRow.objects.values_list(*NEEDED).get())
    stored = await db.call(make_turn, row, second.lease)
    assert (second.text, second.payload, second.target) == (ODD, one.payload, first.target)
    assert (stored.text, stored.payload, stored.target) == (ODD, one.payload, first.target)
    assert second.attempt == 1


async def test_same_message_alone_is_stored_and_answered_once(line: Line, hands: Hands) -> None:
    item = await db.call(incoming, "一次")
    assert [await receive(line, item) for _ in range(3)] == [True, True, True]
    assert await db.call(InboxRow.objects.count) == 1
    assert len(hands.turns) == 1


async def test_message_behind_an_open_one_waits_in_the_queue(line: Line, hands: Hands) -> None:
    first, second, elsewhere = [
        await db.call(incoming, text, where=where) for text, where in (("一", "a"), ("二", "a"), ("三", "b"))
    ]
    assert [await receive(line, item) for item in (first, second, elsewhere)] == [True, False, True]
    assert [turn.text for turn in hands.turns] == ["一", "三"]
    states = await db.call(lambda: dict(InboxRow.objects.values_list("text", "state")))
    assert states == {"一": State.LEASED, "二": State.PENDING, "三": State.LEASED}


async def test_message_without_a_taker_or_room_waits_and_unreadable_one_is_dead(line: Line) -> None:
    item = await db.call(incoming, "一")
    assert await receive(line, item) is False
    inbox.hand_over_to(Hands(capacity=0))
    try:
        assert await receive(line, await db.call(incoming, "二")) is False
        assert await receive(line, await db.call(lambda: incoming(unreadable=b"x", reason="读不懂"))) is True
    finally:
        inbox.hand_over_to(None)
    assert await db.call(lambda: sorted(InboxRow.objects.values_list("state", "owner"))) == [
        ("dead", ""), ("pending", ""), ("pending", ""),
    ]  # fmt: skip


async def test_what_a_turn_reads_first_is_read_as_its_message_is_stored(line: Line, hands: Hands) -> None:
    await receive(line, await db.call(lambda: incoming(external_id="first")))
    await db.call(lambda: InboxRow.objects.update(state=State.DONE, urgent=True))
    await db.call(lambda: inbox.store([incoming(), incoming(sender="wangwu", where="cid2")]))
    await db.call(lambda: InboxRow.objects.exclude(external_id="first").delete())
    await receive(line, await db.call(lambda: incoming(external_id="last")))
    reads = [turn.read if turn.read is None else [tuple(row) for row in turn.read] for turn in hands.turns]
    assert reads == [[], None, None, [("first", True, None)]], "alone, not with others"


def rows_of(turn: Turn) -> tuple[NewRow, ...]:
    now = timezone.now()
    said = {"key": ODD[:30], "role": "user", "speaker": ODD, "content": ODD, "created_at": now}
    record = {
        "at": now,
        "kind": "message",
        "what": "提问",
        "actor_kind": "person",
        "actor_id": ODD,
        "text": ODD,
        "inbox_id": turn.inbox_id,
    }
    used = {
        "at": now,
        "day": date(2026, 2, 3),
        "config_id": turn.config_id,
        "person": "p",
        "model": "m",
        "input_tokens": 3,
        "inbox_id": turn.inbox_id,
    }
    return (
        NewRow(ConversationMessage, said),
        NewRow(AuditRecord, record | {"detail": {"a": [ODD, None, 1.5]}}),
        NewRow(AuditRecord, record | {"detail": {}, "subject": "x"}),
        NewRow(TurnUsage, used | {"cost": 5}),
        NewRow(TurnUsage, used),
    )


REPLIES = (
    Reply(ODD, title=ODD, buttons=(Button("approve", ODD, "primary"),)),
    Reply("第二部分"),
    Reply("悄悄说", target=ReplyTarget("cid9", False, "wangwu", "dingx", "", 0)),
)


async def test_turn_finished_alone_leaves_what_one_of_many_leaves(line: Line) -> None:
    models = (InboxRow, OutboxRow, ConversationMessage, AuditRecord, TurnUsage)
    left, parts = [], []
    for alone in (False, True):
        await db.call(store, await db.call(odd, 1))
        (turn,) = await db.call(claim)
        if alone:
            found = await finish(line, turn, *REPLIES, rows=rows_of(turn))
        else:
            (found,) = await db.call(handling.finish, [Finished(turn, REPLIES, rows_of(turn))], "me")
        left.append([await db.call(values, model) for model in models])
        parts.append(
            [
                (part.text, part.title, part.target, part.at_staff_id, part.buttons, bool(part.lease))
                for part in found
            ]
        )
        for model in models[::-1]:
            await db.call(model.objects.all().delete)
    assert left[0] == left[1]
    assert parts[0] == parts[1]
    assert len(parts[0]) == len(REPLIES)


async def test_stale_lease_alone_changes_nothing(line: Line) -> None:
    await db.call(lambda: store(incoming()))
    (old,) = await db.call(claim, "old")
    await db.call(lambda: InboxRow.objects.update(lease="another", owner="new"))
    before = await db.call(lambda: list(InboxRow.objects.values()))
    assert await finish(line, old, Reply("过期的答案"), rows=rows_of(old), owner="old") is None
    assert await db.call(lambda: list(InboxRow.objects.values())) == before
    for model in (OutboxRow, ConversationMessage, AuditRecord, TurnUsage):
        assert not await db.call(model.objects.exists)


async def test_reply_behind_one_in_other_hands_waits(line: Line) -> None:
    for name in ("first", "second", "third"):
        await db.call(lambda name=name: store(incoming(name, external_id=name)))
        (turn,) = await db.call(claim, name)
        parts = await finish(line, turn, Reply(name), owner="me" if name == "first" else name)
        assert (name, [part.text for part in parts]) == (name, ["first"] if name == "first" else [])
    assert await db.call(lambda: dict(OutboxRow.objects.values_list("text", "state"))) == {
        "first": State.LEASED, "second": State.PENDING, "third": State.PENDING,
    }  # fmt: skip


async def test_row_that_cannot_be_stored_undoes_all_of_the_turn(line: Line) -> None:
    await db.call(lambda: store(incoming()))
    (turn,) = await db.call(claim)
    nonsense = NewRow(
        ConversationMessage, {"key": "k", "role": "user", "content": None, "created_at": timezone.now()}
    )
    assert await finish(line, turn, Reply("答"), rows=(*rows_of(turn), nonsense)) is None
    assert (await db.call(InboxRow.objects.get)).state == State.LEASED
    for model in (OutboxRow, ConversationMessage, AuditRecord, TurnUsage):
        assert not await db.call(model.objects.exists)
    assert [part.text for part in await finish(line, turn, Reply("答"))] == ["答"]
