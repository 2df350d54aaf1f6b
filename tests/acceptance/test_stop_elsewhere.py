"""停止 reaches a turn wherever it runs: one engine here, one in a worker process, one PostgreSQL."""

import asyncio
import threading
import time

import pytest

from bifang.channels import inbox, leases
from bifang.channels.engine import Engine
from bifang.channels.models import InboxRow, OutboxRow, State
from bifang.channels.ports import Incoming, ReplySink, ReplyTarget, Turn, TurnResult
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


def test_stop_received_by_another_process_ends_the_turn_within_seconds(database: Database) -> None:
    with open_stage(database) as stage:
        stage.apply(stage.robot(), staff=STAFF)
        thinking, where, owner = Thinking(), place(), leases.take_name()
        engine = Engine(owner, {"chat": thinking.handle}, Recorder())
        engine.start()
        try:
            target = ReplyTarget(where, False, "lisi", "dingdemo")
            item = Incoming(stage.config().pk, "chat", "long", where, "lisi", "很久的查询", target=target)
            inbox.store([item])
            engine.wake()
            assert thinking.began.wait(120)
            inbox.hand_over_to(None)
            stage.start()
            stage.say("停止", where, "lisi", group=False)
            assert text_only(stage.answers(where)[0]) == "已停止。"
            stopped = time.monotonic()
            assert InboxRow.objects.get(external_id="long").state == State.DONE
            assert thinking.ended.wait(120)
            assert time.monotonic() - stopped < 60
            wait_until(lambda: engine._dispatcher is not None and engine._dispatcher.running == 0, within=5)
        finally:
            engine.stop(grace=1)
            owner.close()
        assert not OutboxRow.objects.filter(inbox__external_id="long").exists()


def test_turn_that_keeps_its_lease_goes_on(database: Database) -> None:
    with open_stage(database) as stage:
        stage.apply(stage.robot(), staff=STAFF)
        thinking, owner = Thinking(), leases.take_name()
        engine = Engine(owner, {"chat": thinking.handle}, Recorder())
        engine.start()
        try:
            inbox.store([Incoming(stage.config().pk, "chat", "long", "c", "lisi", "很久的查询")])
            engine.wake()
            assert thinking.began.wait(120)
            assert not thinking.ended.wait(3 * leases.LOOK_EVERY)
        finally:
            engine.stop(grace=0)
            owner.close()
