"""停止, the rate limit, and the switches, in a running turn loop."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bifang.channels.models import InboxRow, State
from bifang.channels.ports import Incoming, Reply, ReplySink, ReplyTarget, Turn, TurnResult
from bifang.channels.queues import inbox
from bifang.channels.workers import processes
from bifang.channels.workers.worker import WorkerLoop
from bifang.core.configuration import configs
from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.models import SystemConfig
from secops_agent.agent.acting.controls import NOTHING_RUNS, STOPPED, handle_control, read_control
from secops_agent.agent.policy import ModelWithheld, Policy
from secops_agent.services.people.limits import PER_MINUTE, PersonLimiter
from tests.channels.boxes import Recorder
from tests.databases import Database
from tests.deadline import wait_until
from tests.secops.decisions_aid import company, new_agent, say, switch, told

pytestmark = pytest.mark.usefixtures("database")


class Slow:
    """Answers a question when it is let go; handles controls at once, as the agent does."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.ended: list[str] = []

    async def handle(self, turn: Turn, sink: ReplySink) -> TurnResult:
        person = find_person_of(turn)
        handled = await handle_control(turn, person, is_group=False)
        if handled is not None:
            return handled
        self.started.append(turn.text)
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.append(turn.text)
        return TurnResult((Reply("迟到的回答"),))


def find_person_of(turn: Turn) -> Any:
    from secops_agent.models import Role
    from secops_agent.services.people.staff import Person

    return Person("corp", turn.sender_id, turn.sender_id, Role.ANALYST)


@contextmanager
def running(handler: Any, channel: Recorder) -> Iterator[WorkerLoop]:
    owner = processes.take_name()
    loop = WorkerLoop(owner, {"chat": handler, "event": handler, "card": handler}, channel, capacity=2)
    loop.start()
    try:
        yield loop
    finally:
        loop.stop(grace=0.1)
        owner.close()


def send(config: SystemConfig, loop: WorkerLoop, text: str, who: str = "li", where: str = "cid") -> None:
    urgent = read_control(text) is not None
    item = Incoming(
        config.pk,
        "chat",
        f"{who}-{where}-{text}",
        where,
        who,
        text,
        {},
        ReplyTarget(where, False, who),
        urgent,
    )
    inbox.store([item])
    loop.wake()


@pytest.mark.slow
@pytest.mark.both_databases
def test_stop_ends_the_senders_own_turn_in_that_conversation_only(database: Database) -> None:
    config, slow, channel = company(), Slow(), Recorder()
    with running(slow.handle, channel) as loop:
        send(config, loop, "甲的问题")
        send(config, loop, "乙的问题", "zhao")
        wait_until(lambda: len(slow.started) == 2, within=20)
        send(config, loop, "停止", where="cid-other")
        wait_until(lambda: channel.sent == [NOTHING_RUNS], within=20)
        send(config, loop, "停止")
        wait_until(lambda: channel.sent == [NOTHING_RUNS, STOPPED], within=20)
        wait_until(lambda: slow.ended == ["甲的问题"], within=20)
        states = dict(InboxRow.objects.values_list("text", "state"))
        assert (states["甲的问题"], states["乙的问题"]) == (State.DONE, State.CLAIMED)
    assert "迟到的回答" not in told()


def test_stopped_turn_makes_room_for_the_next_question(database: Database) -> None:
    config, slow, channel = company(), Slow(), Recorder()
    with running(slow.handle, channel) as loop:
        send(config, loop, "第一问")
        wait_until(lambda: slow.started == ["第一问"], within=20)
        send(config, loop, "第二问")
        send(config, loop, "停止")
        wait_until(lambda: slow.started == ["第一问", "第二问"], within=20)
        wait_until(lambda: slow.ended == ["第一问"], within=20)


def test_stop_voids_the_turn_of_another_process(database: Database) -> None:
    config = company()
    inbox.store([Incoming(config.pk, "chat", "m1", "cid", "li", "问", {}, ReplyTarget("cid", False, "li"))])
    from bifang.channels.queues.inbox import claim, finish
    from bifang.channels.workers.consumer import cancel

    (turn,) = claim("elsewhere", 10)
    assert asyncio.run(cancel(config.pk, "li", "cid")) == 1
    assert finish([(turn, TurnResult((Reply("迟到"),)))]) == [False]
    assert told() == []


@pytest.mark.parametrize(
    "text",
    [
        "停止以下进程的操作手册",
        "同意书怎么写",
        "请确认 web-01 的状态",
        "不要停止",
        "拒绝服务攻击有哪些",
    ],
)
def test_other_sentences_are_no_controls(text: str) -> None:
    assert read_control(text) is None


def test_person_who_asks_too_fast_is_told_once_and_may_still_decide() -> None:
    clock = [0.0]
    limiter = PersonLimiter(clock=lambda: clock[0])
    assert [limiter.enter("li") for _ in range(PER_MINUTE)] == [None] * PER_MINUTE
    first, second = limiter.enter("li"), limiter.enter("li")
    assert first is not None
    assert first.first
    assert second is not None
    assert not second.first
    assert limiter.enter("zhao") is None
    clock[0] = 60.0
    assert limiter.enter("li") is None


def test_rate_limit_holds_in_the_agent(database: Database) -> None:
    config = company()

    async def run() -> list[tuple[Reply, ...]]:
        agent = new_agent(policy=Policy(ConfigCache(), limiter=PersonLimiter(2)))
        try:
            texts = ["帮助", "帮助", "帮助", "帮助", "停止"]
            return [(await say(agent, config, "li", text)).replies for text in texts]
        finally:
            await agent.close()

    one, two, three, four, stop = asyncio.run(run())
    assert len(one) == len(two) == 1
    assert "太快" in three[0].text
    assert four == ()
    assert stop[0].text == NOTHING_RUNS


@pytest.mark.slow
def test_model_is_withheld_within_two_seconds_of_the_switch(database: Database) -> None:
    qwen, _ = configs.save("qwen", "千问", True, {"api_key": "sk-whatever-key"})

    async def refused(policy: Policy) -> str:
        try:
            await policy.admit_model(qwen.pk)
        except ModelWithheld as error:
            return error.message
        return ""

    async def run() -> None:
        from bifang.core.database import db

        policy = Policy(ConfigCache())
        assert await refused(policy) == ""
        await db.call(switch, "no_model")
        end = asyncio.get_running_loop().time() + 120
        while not await refused(policy):
            assert asyncio.get_running_loop().time() < end
            await asyncio.sleep(0.05)

    asyncio.run(run())


def test_switched_off_model_is_replaced_by_the_offline_mode_which_says_so(database: Database) -> None:
    company()
    qwen, _ = configs.save("qwen", "千问", True, {"api_key": "sk-whatever-key"})
    config, _ = configs.save(
        "dingtalk", "钉钉二", True, {"client_id": "d2", "client_secret": "s" * 20, "ai_config": qwen}
    )
    switch("no_model")

    async def run() -> str:
        agent = new_agent()
        try:
            return (await say(agent, config, "li", "有哪些告警")).replies[0].text
        finally:
            await agent.close()

    assert "停用模型" in asyncio.run(run())
