"""Delivery: in order, repeated until accepted or refused for good, never a turn again."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from django.utils import timezone

from bifang.channels.models import OutboxRow, State
from bifang.channels.ports import Part
from bifang.channels.queues import outbox
from bifang.channels.queues.claims import HOLD
from bifang.channels.queues.outbox import Sent
from bifang.channels.workers import processes
from bifang.channels.workers.sender import SLOW_S, UNWRITTEN, Sender
from bifang.core.database import db
from bifang.core.errors import RateLimited, RemoteError
from tests.channels.boxes import Recorder, answered, outbox_row, replied
from tests.databases import Database
from tests.deadline import eventually

pytestmark = [pytest.mark.both_databases("every test"), pytest.mark.usefixtures("database")]


@asynccontextmanager
async def sending(channel: Recorder) -> AsyncIterator[Sender]:
    """A sender that looks for rows, until the end of the context."""
    owner = processes.take_name()
    sender, stop = Sender(owner, channel), asyncio.Event()
    job = asyncio.create_task(sender.run(stop))
    try:
        yield sender
    finally:
        stop.set()
        if channel.hold is not None:
            channel.hold.set()
        await sender.drain(5)
        await job
        owner.close()


async def prepare(sender: Sender, *texts: str, where: str = "cid1") -> list[Part]:
    """Replies of a turn, for the sender to claim."""
    parts = await db.call(lambda: replied(*texts, where=where))
    sender.look()
    return parts


async def state_of(part: Part) -> OutboxRow:
    return await db.call(outbox_row, part)


async def wait_state(part: Part, state: State) -> OutboxRow:
    async with asyncio.timeout(120):
        while True:
            row = await state_of(part)
            if row.state == state:
                return row
            await asyncio.sleep(0.02)


class Refusals:
    """Refuses with these errors in turn, then accepts."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def __call__(self, part: Part) -> Exception | None:
        return self.errors.pop(0) if self.errors else None


@pytest.mark.slow
async def test_parts_go_out_in_order_and_are_done(database: Database) -> None:
    channel = Recorder()
    async with sending(channel) as sender:
        parts = await prepare(sender, "一", "二", "三")
        for part in parts:
            await wait_state(part, State.DONE)
    assert channel.sent == ["一", "二", "三"]


async def test_few_that_went_are_not_written_down(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are sent again if the process dies now."""
    writing, written = threading.Event(), outbox.mark_sent

    def wait_and_write(items: Sequence[Sent]) -> list[None]:
        writing.wait(120)
        return written(items)

    monkeypatch.setattr(outbox, "mark_sent", wait_and_write)
    channel = Recorder()
    async with sending(channel) as sender:
        parts = [await prepare(sender, f"第 {number} 条", where=f"cid{number}") for number in range(12)]
        await eventually(lambda: len(channel.sent) == UNWRITTEN)
        await asyncio.sleep(3 * SLOW_S)  # what has arrived is not slow
        await eventually(lambda: sender.waiting == 12)
        assert len(channel.sent) == UNWRITTEN
        writing.set()
        for (part,) in parts:
            await wait_state(part, State.DONE)


async def test_who_waits_for_a_slow_network_holds_nobody_up(database: Database) -> None:
    channel = Recorder(hold=asyncio.Event())
    async with sending(channel) as sender:
        for number in range(12):
            await prepare(sender, f"第 {number} 条", where=f"cid{number}")
        await eventually(lambda: len(channel.tried) == 12)
        assert not channel.sent


async def test_rate_limit_waits_and_tries_the_same_part_again(database: Database) -> None:
    channel = Recorder(Refusals(*[RateLimited("机器人发送过快", retry_after=0.05, code="130101")] * 2))
    async with sending(channel) as sender:
        first, second = await prepare(sender, "一", "二")
        row = await wait_state(first, State.DONE)
        await wait_state(second, State.DONE)
    assert channel.tried == ["一", "一", "一", "二"]
    assert (row.attempts, row.last_error) == (2, "")


@pytest.mark.slow
async def test_trouble_is_waited_out_and_shown_meanwhile(database: Database) -> None:
    """A fault of our own is tried again, too."""
    channel = Recorder(Refusals(RemoteError("钉钉暂时不可用", permanent=False), ZeroDivisionError()))
    async with sending(channel) as sender:
        first, second = await prepare(sender, "一", "二")
        await eventually(lambda: len(channel.tried) >= 1)
        assert (await wait_state(first, State.CLAIMED)).state == State.CLAIMED
        await wait_state(second, State.DONE)
    assert channel.sent == ["一", "二"]


@pytest.mark.slow
async def test_one_trouble_of_many_conversations_is_one_line_in_the_log(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    channel = Recorder(Refusals(*[RemoteError("钉钉暂时不可用", permanent=False)] * 3))
    async with sending(channel) as sender:
        parts = [await prepare(sender, f"回 {where}", where=where) for where in ("a", "b", "c")]
        for (part,) in parts:
            await wait_state(part, State.DONE)
    lines = [record.getMessage() for record in caplog.records if "暂时" in record.getMessage()]
    assert lines == ["recorder 回复暂时发不出去：钉钉暂时不可用"]


@pytest.mark.slow
async def test_refusal_is_shown_and_blocks_no_one(database: Database) -> None:
    channel = Recorder(Refusals(RemoteError("机器人不在群里", permanent=True)))
    async with sending(channel) as sender:
        first, second = await prepare(sender, "一", "二")
        row = await wait_state(first, State.DEAD)
        await wait_state(second, State.DONE)
    assert (row.last_error, channel.sent) == ("机器人不在群里", ["二"])


@pytest.mark.slow
async def test_dead_part_sent_again_is_picked_up(database: Database) -> None:
    channel = Recorder(Refusals(RemoteError("机器人不在群里", permanent=True)))
    async with sending(channel) as sender:
        (part,) = await prepare(sender, "一")
        await wait_state(part, State.DEAD)
        await db.call(lambda: outbox.resend(OutboxRow.objects.all()))
        await wait_state(part, State.DONE)
    assert channel.sent == ["一"]


@pytest.mark.slow
@pytest.mark.parametrize("error", [RateLimited("太快", retry_after=0.05), RemoteError("坏", permanent=False)])
async def test_part_older_than_a_day_is_given_up(database: Database, error: Exception) -> None:
    channel = Recorder(lambda _: error)
    parts = await db.call(lambda: replied("一"))
    old = timezone.now() - timedelta(hours=25)
    await db.call(lambda: OutboxRow.objects.update(created_at=old))
    async with sending(channel):
        row = await wait_state(parts[0], State.DEAD)
    assert row.last_error == str(error)


@pytest.mark.slow
async def test_what_others_left_is_picked_up(database: Database) -> None:
    await db.call(lambda: outbox.let_go(answered("一", "二", owner="gone")))
    channel = Recorder()
    async with sending(channel):
        await eventually(lambda: len(channel.sent) == 2, within=20)
    assert channel.sent == ["一", "二"]


@pytest.mark.slow
async def test_stopping_tries_what_is_in_hand_once_and_hands_back_the_rest(database: Database) -> None:
    later = RemoteError("钉钉暂时不可用", permanent=False)
    channel = Recorder(lambda part: later if part.text == "二" else None, hold=asyncio.Event())
    async with sending(channel) as sender:
        first, second, third = await prepare(sender, "一", "二", "三")
        await eventually(lambda: channel.tried == ["一"])
        assert channel.hold is not None
        asyncio.get_running_loop().call_later(0.05, channel.hold.set)
        await sender.drain(10)
        assert (await state_of(first)).state == State.DONE
        assert [(await state_of(part)).state for part in (second, third)] == [State.PENDING] * 2
    assert channel.tried == ["一", "二"]


@pytest.mark.slow
async def test_stopping_cuts_a_call_that_never_returns(database: Database) -> None:
    channel = Recorder(hold=asyncio.Event())
    async with sending(channel) as sender:
        (part,) = await prepare(sender, "一")
        await eventually(lambda: channel.tried == ["一"])
        await sender.drain(0.05)
        assert (await state_of(part)).state == State.PENDING
    assert channel.sent == []


@pytest.mark.slow
async def test_part_taken_over_is_not_sent_twice(database: Database) -> None:
    """A worker that could not renew its claims asks before it sends."""
    channel = Recorder(hold=asyncio.Event())
    async with sending(channel) as sender:
        _, second = await prepare(sender, "一", "二")
        await eventually(lambda: channel.tried == ["一"])
        taken = OutboxRow.objects.filter(pk=second.outbox_id)
        await db.call(lambda: taken.update(token="another", owner="another"))
        sender.renewed_at -= HOLD.total_seconds()
        assert channel.hold is not None
        channel.hold.set()
        await eventually(lambda: sender.waiting == 0)
    assert channel.tried == ["一"]
