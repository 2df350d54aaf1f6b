"""停止 reaches a turn wherever it runs: one loop here, one in a worker process, one PostgreSQL."""

import asyncio
import threading
from dataclasses import replace

import pytest

from bifang.channels.models import InboxRow, OutboxRow, State
from bifang.channels.ports import Incoming, ReplySink, ReplyTarget, Turn, TurnResult
from bifang.channels.queues import inbox
from bifang.channels.queues.claims import Remit
from bifang.channels.workers import processes
from bifang.channels.workers.maintenance import LOOK_EVERY
from bifang.channels.workers.worker import WorkerLoop
from tests.acceptance.worker import STAFF, open_stage, place, text_only
from tests.channels.boxes import Recorder
from tests.databases import Database
from tests.deadline import wait_until

pytestmark = [pytest.mark.only_postgresql, pytest.mark.slow]


class Thinking:
    """A handler that never comes to an end by itself."""

    def __init__(self) -> None:
        self.began, self.ended = threading.Event(), threading.Event()

    async def handle(self, turn: Turn, sink: ReplySink) -> TurnResult:
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()
        raise AssertionError("unreachable")


def take_no_more(loop: WorkerLoop) -> None:
    """From here on the other process takes what comes: for this one's handler 停止 would be one more question."""
    consumer = loop._consumer
    assert consumer is not None
    consumer._owner = replace(consumer._owner, scope=Remit(kind="nobody's"))


def test_stop_received_by_another_process_ends_the_turn_within_seconds(database: Database) -> None:
    with open_stage(database) as stage:
        stage.apply(stage.robot(), staff=STAFF)
        thinking, where, owner = Thinking(), place(), processes.take_name()
        loop = WorkerLoop(owner, {"chat": thinking.handle}, Recorder())
        loop.start()
        try:
            target = ReplyTarget(where, False, "lisi", "dingdemo")
            item = Incoming(stage.config().pk, "chat", "long", where, "lisi", "很久的查询", target=target)
            inbox.store([item])
            loop.wake()
            assert thinking.began.wait(120)
            take_no_more(loop)
            stage.start()
            stage.say("停止", where, "lisi", group=False)
            assert text_only(stage.answers(where)[0]) == "已停止。"
            assert InboxRow.objects.get(external_id="long").state == State.DONE
            assert thinking.ended.wait(120)
            wait_until(lambda: loop._consumer is not None and loop._consumer.running == 0, within=5)
        finally:
            loop.stop(grace=1)
            owner.close()
        assert not OutboxRow.objects.filter(inbox__external_id="long").exists()


def test_turn_that_keeps_its_claim_goes_on(database: Database) -> None:
    with open_stage(database) as stage:
        stage.apply(stage.robot(), staff=STAFF)
        thinking, owner = Thinking(), processes.take_name()
        loop = WorkerLoop(owner, {"chat": thinking.handle}, Recorder())
        loop.start()
        try:
            inbox.store([Incoming(stage.config().pk, "chat", "long", "c", "lisi", "很久的查询")])
            loop.wake()
            assert thinking.began.wait(120)
            assert not thinking.ended.wait(3 * LOOK_EVERY)
        finally:
            loop.stop(grace=0)
            owner.close()
