"""One person who writes without end costs nobody else an answer: seen where the answers go out, on a held clock."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db.models import QuerySet

from bifang.channels.models import InboxRow, OutboxRow, State
from bifang.channels.ports import Incoming, ReplySink, ReplyTarget, Turn, TurnResult
from bifang.channels.queues import inbox, notices
from bifang.channels.workers import processes
from bifang.channels.workers.worker import WorkerLoop
from bifang.core.configuration.config_cache import ConfigCache
from secops_agent.agent.policy import CONTROL_REPLIES, DAY_S, Policy
from secops_agent.agent.service import Agent, Talk
from secops_agent.models import Proposal, Role
from secops_agent.services.people.limits import PERIOD_S, Allowance, PersonLimiter
from secops_agent.services.people.staff import Person
from tests.channels.boxes import Recorder
from tests.databases import Database
from tests.deadline import wait_until
from tests.secops.decisions_aid import GROUP, company, propose


class Clock:
    """Time stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Stage:
    """A worker's turn loop with the real agent, and who says what in a group."""

    def __init__(self, database: Database) -> None:
        self.clock, self.channel = Clock(), Recorder()
        self.config = company()
        self._number = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        agents: list[Agent] = []

        async def handle(turn: Turn, sink: ReplySink) -> TurnResult:
            if not agents:
                agents.append(self._agent())
            sender = Person("corp", turn.sender_id, turn.sender_id, Role.NONE)
            return await agents[0].answer(turn, Talk(sender, turn.text, is_group=True), sink)

        async def close() -> None:
            for agent in agents:
                await agent.close()

        owner = processes.take_name()
        loop = WorkerLoop(owner, {"chat": handle}, self.channel, on_close=close)
        loop.start()
        try:
            self._loop = loop
            yield
        finally:
            loop.stop(grace=1.0)
            owner.close()

    def _agent(self) -> Agent:
        configs = ConfigCache()
        policy = Policy(
            configs,
            limiter=PersonLimiter(clock=self.clock),
            control_replies=Allowance(CONTROL_REPLIES, PERIOD_S, clock=self.clock),
            strangers_told=Allowance(1, DAY_S, clock=self.clock),
        )
        return Agent(configs, policy=policy)

    def say(self, who: str, *texts: str, urgent: bool = False) -> None:
        """Stored in one go, and handled."""
        target = ReplyTarget(GROUP, True, who, "robot")
        self._number += len(texts)
        names = [f"m{self._number}-{place}" for place in range(len(texts))]
        inbox.store(
            [
                Incoming(
                    self.config.pk, "chat", name, GROUP, who, text, {"staff_id": who}, target, urgent=urgent
                )
                for name, text in zip(names, texts, strict=True)
            ]
        )
        self._loop.wake()
        wait_until(lambda: not InboxRow.objects.exclude(state=State.DONE).exists(), within=60)

    def said(self) -> QuerySet[OutboxRow]:
        """The answers; who waits long on a busy machine is also told so."""
        told = notices.QUEUED.partition("{")[0]
        return OutboxRow.objects.exclude(text__startswith=told).order_by("pk")

    def replies(self) -> int:
        return self.said().count()


@pytest.fixture
def stage(database: Database) -> Stage:
    return Stage(database)


@pytest.mark.slow
@pytest.mark.both_databases
def test_someone_without_a_role_is_told_once_a_day(stage: Stage) -> None:
    with stage.running():
        stage.say("stranger", *["有哪些告警"] * 80)
        assert stage.replies() == 1
        stage.say("li", "帮助")
        rows = list(stage.said().values_list("at_staff_id", flat=True))
        assert rows == ["stranger", "li"], "the next one is not behind 80 others"
        stage.clock.now += DAY_S
        stage.say("stranger", "有哪些告警")
        assert stage.replies() == 3
    silent = InboxRow.objects.filter(sender_id="stranger").exclude(last_error="")
    assert silent.count() == 79
    assert "没有使用权限" in silent[0].last_error


@pytest.mark.slow
def test_controls_are_carried_out_and_answered_a_few_times_only(stage: Stage) -> None:
    with stage.running():
        stage.say("li", *["停止"] * 45, urgent=True)
        assert stage.replies() == CONTROL_REPLIES
        code = propose(stage.config, "zhao")
        stage.say("wang", f"同意 {code}", urgent=True)
        assert stage.replies() == CONTROL_REPLIES + 1, "another's decision is not behind 45 others"
        assert Proposal.objects.get(code=code).state == "approved"


@pytest.mark.slow
def test_control_beyond_the_allowance_still_decides_and_says_so(stage: Stage) -> None:
    with stage.running():
        stage.say("wang", *["停止"] * 10, urgent=True)
        code = propose(stage.config, "zhao")
        stage.say("wang", f"拒绝 {code} 不需要", urgent=True)
        assert Proposal.objects.get(code=code).state == "rejected"
        assert (
            "不需要" in OutboxRow.objects.order_by("-pk").values_list("text", flat=True)[0]
            or stage.replies() == 4
        )
        before = stage.replies()
        stage.say("wang", *[f"拒绝 {code}"] * 10, urgent=True)
        assert stage.replies() == before, "to hear it again is no news"
        stage.clock.now += PERIOD_S
        stage.say("wang", "停止", urgent=True)
        assert stage.replies() == before + 1


def test_questions_of_a_colleague_do_not_use_up_the_controls(stage: Stage) -> None:
    with stage.running():
        stage.say("li", *["帮助"] * 25)
        asked = stage.replies()
        stage.say("li", "停止", urgent=True)
        assert stage.replies() == asked + 1


def test_allowance_forgets_who_was_silent_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    from secops_agent.services.people import limits

    monkeypatch.setattr(limits, "KEPT", 2)
    allowance = Allowance(1, 60.0, clock=Clock())
    assert [allowance.take(who) for who in "aabbccba"] == [True, False, True, False, True, False, False, True]


def test_everything_is_said_where_limits_are_off() -> None:
    allowance = Allowance(1, 60.0, on=False)
    assert all(allowance.take("a") for _ in range(5))
