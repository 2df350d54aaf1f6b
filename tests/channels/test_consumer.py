"""The turn loop: hundreds at once, failures with a limit, an orderly stop."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from bifang.channels.models import InboxRow, OutboxRow, State, Worker
from bifang.channels.ports import Reply, ReplySink, Turn, TurnResult
from bifang.channels.workers import processes
from bifang.channels.workers.worker import WorkerLoop
from bifang.core.database import db
from bifang.core.database.rows import NewRow
from bifang.core.errors import ConfigError
from tests.channels.boxes import Recorder, incoming, store
from tests.databases import Database
from tests.deadline import wait_until

pytestmark = [pytest.mark.both_databases("every test"), pytest.mark.usefixtures("database")]
NOW = datetime(2026, 11, 1, tzinfo=UTC)
Answer = Callable[[Turn], Awaitable[str | TurnResult]]


@contextmanager
def running(answer: Answer, channel: Any = None, **options: Any) -> Iterator[WorkerLoop]:
    """A loop whose handler answers with a text, or a whole result."""

    async def handle(turn: Turn, sink: ReplySink) -> TurnResult:
        said = await answer(turn)
        return said if isinstance(said, TurnResult) else TurnResult((Reply(said),))

    owner = processes.take_name()
    handlers = dict.fromkeys(("chat", "event", "card"), handle)
    loop = WorkerLoop(owner, handlers, channel or Recorder(), **options)
    loop.start()
    try:
        yield loop
    finally:
        loop.stop(grace=0.2)
        owner.close()


async def echo(turn: Turn) -> str:
    return f"收到 {turn.text}"


def wait_all(state: State = State.DONE) -> None:
    wait_until(lambda: not InboxRow.objects.exclude(state=state).exists(), within=30, what=f"all {state}")


def test_stored_message_is_answered(database: Database) -> None:
    channel = Recorder()
    with running(echo, channel) as loop:
        store(incoming("你好"))
        loop.wake()
        wait_until(lambda: channel.sent, within=20)
        wait_until(lambda: OutboxRow.objects.filter(state=State.DONE).exists(), within=20)
    assert channel.sent == ["收到 你好"]


@pytest.mark.slow
def test_message_is_found_without_being_told(database: Database) -> None:
    channel = Recorder()
    with running(echo, channel):
        store(incoming())
        wait_until(lambda: channel.sent, within=20)


def test_channel_learns_how_many_processes_share_its_limits(database: Database) -> None:
    channel, colleague = Recorder(), processes.take_name()
    processes.beat(colleague, running=0, waiting=0)
    with running(echo, channel):
        wait_until(lambda: channel.shared_by == 2, within=20)
    colleague.close()


def test_turns_stand_at_the_database_in_the_order_they_came_and_urgent_ones_before(
    database: Database,
) -> None:
    ranks: dict[str, int] = {}

    async def answer(turn: Turn) -> str:
        ranks[turn.text] = db.rank.get()
        return ""

    rows = store(incoming("一"), incoming("二", sender="wangwu"), incoming("停止", urgent=True))
    with running(answer):
        wait_all()
    assert ranks == {"一": rows[0].pk, "二": rows[1].pk, "停止": 0}


@pytest.mark.slow
def test_hundreds_of_turns_run_at_once(database: Database) -> None:
    together, peak, open_now = asyncio.Event(), 0, 0

    async def wait(turn: Turn) -> str:
        nonlocal peak, open_now
        open_now += 1
        peak = max(peak, open_now)
        if peak == 300:
            together.set()
        await asyncio.wait_for(together.wait(), 120)
        return "答"

    store(*[incoming(where=f"cid{n}") for n in range(300)])
    with running(wait):
        wait_all()
    assert peak == 300


def test_what_waits_for_the_database_is_begun_in_portions(database: Database) -> None:
    peak, now = 0, 0

    async def look_up(turn: Turn) -> str:
        nonlocal peak, now
        now += 1
        peak = max(peak, now)
        for _ in range(5):
            await db.call(InboxRow.objects.count)
        now -= 1
        return "答"

    store(*[incoming(where=f"cid{n}") for n in range(300)])
    with running(look_up):
        wait_all()
    assert peak < 150


def test_capacity_is_kept_and_the_rest_follows(database: Database) -> None:
    peak, now = 0, 0

    async def count(turn: Turn) -> str:
        nonlocal peak, now
        now += 1
        peak = max(peak, now)
        await asyncio.sleep(0.01)
        now -= 1
        return "答"

    store(*[incoming(where=f"cid{n}") for n in range(20)])
    with running(count, capacity=4):
        wait_all()
    assert peak <= 4


def test_turns_of_one_sender_run_one_after_the_other(database: Database) -> None:
    channel = Recorder()
    store(*[incoming(str(number)) for number in range(5)])
    with running(echo, channel):
        wait_until(lambda: len(channel.sent) == 5, within=20)
    assert channel.sent == [f"收到 {number}" for number in range(5)]


def test_permanent_failure_becomes_a_dead_letter_and_is_told(database: Database) -> None:
    channel = Recorder()

    async def refuse(turn: Turn) -> str:
        raise ConfigError("配置缺少密钥，请填写。")

    store(incoming())
    with running(refuse, channel):
        wait_until(lambda: channel.sent, within=20)
    assert "没能处理：配置缺少密钥" in channel.sent[0]
    assert InboxRow.objects.get().state == State.DEAD


@pytest.mark.slow
def test_fault_of_ours_is_tried_again(database: Database) -> None:
    async def stumble(turn: Turn) -> str:
        if turn.attempt == 1:
            raise ZeroDivisionError
        return "答"

    store(incoming())
    with running(stumble):
        wait_all()
    row = InboxRow.objects.get()
    assert (row.attempts, row.last_error) == (2, "内部错误：ZeroDivisionError（详见日志）")


@pytest.mark.slow
def test_answer_the_database_refuses_does_not_hang_its_turn(database: Database) -> None:
    async def half(turn: Turn) -> TurnResult:
        refused = NewRow(
            Worker,
            {"owner": "x", "host": "半个字符 \ud83d", "pid": 1, "started_at": NOW, "heartbeat_at": NOW},
        )
        return TurnResult((Reply("好了"),), (refused,) if turn.attempt == 1 else ())

    store(incoming("坏的"), incoming("好的", where="cid2"))
    with running(half):
        wait_all()
    assert InboxRow.objects.get(text="坏的").attempts == 2


@pytest.mark.slow
def test_stop_lets_turns_finish_and_gives_the_rest_back(database: Database) -> None:
    stopping, channel = asyncio.Event(), Recorder()

    async def think(turn: Turn) -> str:
        await (stopping.wait() if turn.text == "快" else asyncio.sleep(600))
        return f"收到 {turn.text}"

    store(incoming("快"), incoming("慢", where="cid2"))
    with running(think, channel) as loop:
        wait_until(lambda: InboxRow.objects.filter(state=State.CLAIMED).count() == 2, within=20)
        assert loop._loop is not None
        loop._loop.call_soon_threadsafe(loop._loop.call_later, 0.1, stopping.set)
        loop.stop(grace=3.0)
        assert not loop.alive
    assert channel.sent == ["收到 快"]
    row = InboxRow.objects.get(text="慢")
    assert (row.state, row.attempts, row.owner) == (State.PENDING, 0, "")


def test_broken_progress_never_fails_a_turn(database: Database) -> None:
    made: list[str] = []

    def make(turn: Turn) -> ReplySink:
        made.append(turn.text)
        raise OSError("nobody can show this")

    channel = Recorder()
    with running(echo, channel, sink=make) as loop:
        (row,) = store(incoming("你好"))
        loop.wake()
        wait_until(lambda: channel.sent, within=20)
    row.refresh_from_db()
    assert (made, channel.sent) == (["你好"], ["收到 你好"])
    assert (row.state, row.attempts, row.last_error) == (State.DONE, 1, "")


@pytest.mark.slow
@pytest.mark.parametrize("round_", range(5))
def test_stop_in_the_middle_of_claiming_leaves_nothing_claimed(database: Database, round_: int) -> None:
    store(*[incoming(where=f"cid{n}") for n in range(50)])

    async def think(turn: Turn) -> str:
        await asyncio.sleep(600)
        return "太晚"

    with running(think, capacity=10) as loop:
        wait_until(lambda: InboxRow.objects.filter(state=State.CLAIMED).exists(), within=20, every=0.001)
        loop.stop(grace=0.0)
    assert set(InboxRow.objects.values_list("state", "attempts")) == {(State.PENDING, 0)}
    assert not Worker.objects.exists()


def test_error_at_the_end_is_told(database: Database) -> None:
    async def fail() -> None:
        raise OSError("the database is gone")

    with running(echo, on_close=fail) as loop:
        pass
    assert isinstance(loop.error, OSError)
