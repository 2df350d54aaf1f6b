"""One sentence through the whole chat path: received, stored, claimed, answered, finished; and what came of it."""

import itertools
import time
from dataclasses import dataclass
from typing import Any

from bifang.channels.ports import Incoming, ReplyTarget
from bifang.channels.queues import inbox
from bifang.channels.queues.inbox import claim, finish
from bifang.channels.workers.consumer import Silent
from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.database import db
from dingtalk_integration.handlers.chat import ChatTurns
from secops_agent.agent.service import Agent, Talk
from secops_agent.agent.turn.outcome import TurnOutcome
from secops_agent.models import Action, History, Proposal, ScheduledTask, ShiftSwap, Silence, TurnUsage

CORP = "corp-eval"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Spent:
    """Tokens of one turn; ``cost`` in millionths of a yuan, None without a price."""

    given: int = 0
    taken: int = 0
    cached: int = 0
    cost: int | None = None


@dataclass(frozen=True)
class Answered:
    """``text`` is what the asker reads. ``proposed``: tool and arguments of what was stored to be decided. ``done``:
    rows of history, actions, silences, tasks: what was carried out at once. ``outcome`` None: code answered before any turn."""

    text: str
    outcome: TurnOutcome | None
    proposed: tuple[tuple[str, dict[str, Any]], ...] = ()
    done: int = 0
    seconds: float = 0.0
    spent: Spent = Spent()


class Watched(Agent):
    """The agent, and what its last turn came to."""

    outcome: TurnOutcome | None = None

    async def converse(self, talk: Talk, sink: Any = None) -> TurnOutcome:
        """As the agent's."""
        self.outcome = await super().converse(talk, sink)
        return self.outcome


class Chat:
    """A configuration's conversations, each sentence in one of its own unless told."""

    def __init__(self, config_id: int, **options: Any) -> None:
        configs = ConfigCache()
        self._config_id = config_id
        self._agent = Watched(configs, **options)
        self._turns = ChatTurns(configs, self._agent)

    async def ask(
        self, text: str, staff_id: str, *, is_group: bool = False, conversation: str = ""
    ) -> Answered:
        """What `staff_id` says, and what came of it."""
        number = next(_numbers)
        target = ReplyTarget(conversation or f"cid-{number}", is_group, staff_id, "robot")
        payload = {"staff_id": staff_id, "corp_id": CORP, "robot_corp_id": CORP, "nick": staff_id}
        item = Incoming(
            self._config_id,
            "chat",
            f"eval-{number}",
            target.conversation_id,
            staff_id,
            text,
            payload,
            target,
        )
        await db.call(inbox.store, [item])
        (turn,) = await db.call(claim, "eval", 1)
        before = await db.call(_deeds)
        self._agent.outcome, start = None, time.perf_counter()
        result = await self._turns.handle(turn, Silent())
        seconds = time.perf_counter() - start
        assert await db.call(finish, [(turn, result)]) == [True]
        proposed, done, spent = await db.call(_left, turn.inbox_id)
        told = "\n\n".join(reply.text for reply in result.replies if reply.target is None)
        return Answered(told, self._agent.outcome, proposed, done - before, seconds, spent)

    async def close(self) -> None:
        """Close the agent's connections."""
        await self._agent.close()


def _deeds() -> int:
    return sum(model.objects.count() for model in (History, Action, Silence, ScheduledTask, ShiftSwap))


def _left(inbox_id: int) -> tuple[tuple[tuple[str, dict[str, Any]], ...], int, Spent]:
    """What the turn left behind; its proposals are taken away, so that the next question meets none."""
    proposals = Proposal.objects.filter(inbox_id=inbox_id).order_by("pk")
    proposed = tuple(proposals.values_list("tool", "arguments"))
    proposals.delete()
    rows = list(
        TurnUsage.objects.filter(inbox_id=inbox_id).values_list(
            "input_tokens", "output_tokens", "cached_tokens", "cost"
        )
    )
    given, taken, cached = (sum(row[at] for row in rows) for at in range(3))
    costs = [row[3] for row in rows if row[3] is not None]
    return proposed, _deeds(), Spent(given, taken, cached, sum(costs) if costs else None)
