"""A stage for tests of cards: a simulator, a configuration with a template, and a turn loop with a given handler."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from bifang.channels.cards.breaker import Breaker
from bifang.channels.cards.models import Card
from bifang.channels.cards.reaper import CardReaper
from bifang.channels.models import InboxRow, State
from bifang.channels.ports import Handler, Incoming, Reply, ReplySink, ReplyTarget, Turn, TurnResult
from bifang.channels.queues import inbox
from bifang.channels.workers import processes
from bifang.channels.workers.worker import WorkerLoop
from bifang.core.configuration import configs
from bifang.core.configuration.config_cache import ConfigCache
from dingtalk_integration.applications import ApplicationClients
from dingtalk_integration.cards.platform import card_limiter, card_service
from dingtalk_integration.channel import DingTalkChannel
from dingtalk_integration.quotas.api_usage import CallCounter
from secops_agent.agent.acting import clicks
from secops_agent.services.decisions.settled_cards import outdated
from tests.deadline import wait_until
from tests.simulator import SimulatorHandle, running_simulator

GROUP = "cidDemoGroup=="
TEMPLATE = "answer.schema"
_numbers = count(1)


@dataclass
class Script:
    """A handler in the hands of a test. ``steps(sink)`` says what a turn shows; ``answer`` what it replies."""

    steps: Callable[[ReplySink], None] = lambda sink: None
    answer: Callable[[Turn], tuple[Reply, ...]] = lambda turn: (Reply(f"收到 {turn.text}"),)
    held: bool = False
    runs: int = 0
    sinks: list[ReplySink] = field(default_factory=list)

    async def handle(self, turn: Turn, sink: ReplySink) -> TurnResult:
        """Show the steps, wait while held, answer."""
        self.runs += 1
        self.sinks.append(sink)
        self.steps(sink)
        while self.held:  # noqa: ASYNC110 - set by the test's thread
            await asyncio.sleep(0.01)
        return TurnResult(self.answer(turn))


@dataclass
class CardStage:
    """What a test may do."""

    sim: SimulatorHandle
    config_id: int
    script: Script = field(default_factory=Script)
    counter: CallCounter = field(default_factory=CallCounter)
    clock: list[float] = field(default_factory=lambda: [0.0])
    loops: list[WorkerLoop] = field(default_factory=list)
    owners: list[processes.Owner] = field(default_factory=list)

    def start(self, *, limits: bool = False) -> WorkerLoop:
        """Start a turn loop, as a worker process does."""

        owner = processes.take_name()
        self.owners.append(owner)
        loop = self.build(owner, limits=limits)
        loop.start()
        self.loops.append(loop)
        return loop

    def build(self, owner: processes.Owner, *, limits: bool) -> WorkerLoop:
        """The loop of one process."""
        clients = ApplicationClients(ConfigCache(), self.counter)
        cards = card_service(clients, Breaker(lambda: self.clock[0]), card_limiter(on=limits))
        channel = DingTalkChannel(clients, cards)
        handlers: dict[str, Handler] = {
            "chat": cards.attend(self._knowing(clients, self.script.handle)), "card": clicks.handle,
        }  # fmt: skip
        return WorkerLoop(
            owner, handlers, channel,
            sink=cards.sink, jobs=(CardReaper(cards, outdated, every=1.0),), on_close=channel.close,
        )  # fmt: skip

    @staticmethod
    def _knowing(clients: ApplicationClients, handler: Handler) -> Handler:
        """Like the real handler of chats, this one looks at the configuration first."""

        async def handle(turn: Turn, sink: ReplySink) -> TurnResult:
            await clients.get(turn.config_id)
            return await handler(turn, sink)

        return handle

    def say(self, text: str = "你好", *, staff_id: str = "lisi", group: bool = True) -> str:
        """Store a message; its external id."""
        where = GROUP if group else f"private-{staff_id}"
        item = Incoming(
            self.config_id, "chat", f"msg{next(_numbers)}", where, staff_id, text,
            payload={"nick": "李四", "staff_id": staff_id},
            target=ReplyTarget(where, group, staff_id, "dingdemo"),
        )  # fmt: skip
        inbox.store([item])
        for loop in self.loops:
            loop.wake()
        return item.external_id

    def wait_card(self, probe: Callable[[dict[str, Any]], Any] = bool, within: float = 15) -> dict[str, Any]:
        """The only card, as soon as the probe is true of it."""

        def look() -> dict[str, Any] | None:
            cards = self.sim.cards()
            return cards[0] if len(cards) == 1 and probe(cards[0]) else None

        card = wait_until(look, within=within, every=0.01, what="the card")
        assert card is not None
        return card

    def wait_state(self, state: str, within: float = 20) -> Card:
        """The only card row, as soon as it is in this state."""
        card = wait_until(lambda: Card.objects.filter(state=state).first(), within=within, what=state)
        assert card is not None
        return card

    def wait_done(self, external_id: str, within: float = 20) -> InboxRow:
        """The message's row, as soon as it and all its replies are done."""

        def look() -> InboxRow | None:
            row = InboxRow.objects.filter(external_id=external_id, state=State.DONE).first()
            return row if row and not row.replies.exclude(state=State.DONE).exists() else None

        row = wait_until(look, within=within, what=f"{external_id} done")
        assert row is not None
        return row

    def crash(self) -> None:
        """End the only turn loop in the middle of what it does."""
        self.loops.pop().stop(0)
        self.owners.pop().close()

    def stop(self, grace: float = 5) -> None:
        """End every turn loop."""
        self.script.held = False
        while self.loops:
            self.loops.pop().stop(grace)
            self.owners.pop().close()


@contextmanager
def open_card_stage(
    template: str = TEMPLATE, edition: str = "professional", **options: Any
) -> Iterator[CardStage]:
    """The stage; nothing runs yet. Options: those of the simulator."""
    with running_simulator(**options) as sim:
        given = {
            "client_id": "dingdemo",
            "client_secret": "demo-secret",
            "endpoint": sim.base_url,
            "card_template_id": template,
            "edition": edition,
        }
        config, _ = configs.save("dingtalk", "机器人", True, given)
        stage = CardStage(sim, config.pk)
        try:
            yield stage
        finally:
            stage.stop()
