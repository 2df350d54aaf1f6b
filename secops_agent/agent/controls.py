"""确认, 同意, 拒绝 and 停止: handled before any model is asked, by text or by a card's button."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from bifang.channels import consumer
from bifang.channels.ports import Reply, Turn, TurnResult
from bifang.core import db
from secops_agent.agent import toolbox
from secops_agent.agent.records import brief
from secops_agent.llm.offline.controls import find_control
from secops_agent.llm.offline.intents import Control
from secops_agent.llm.offline.normalization import normalize
from secops_agent.models.staff import Role
from secops_agent.services import approvals
from secops_agent.services.approvals import Ballot, Decision, Doing, Verdict
from secops_agent.services.staff import Person

LONGEST: Final = 700  # characters; a longer message is never a control
STOPPED: Final = "已停止。"
NOTHING_RUNS: Final = "现在没有正在处理的问题。"
VERDICTS: Final[Mapping[str, Verdict]] = {"confirm": "confirm", "approve": "approve", "reject": "reject"}
DOING: Final = Doing(toolbox.execute, toolbox.plan)


def read_control(text: str) -> Control | None:
    """The control that the whole message is; None for anything else."""
    return _read_control(text) if len(text) <= LONGEST else None


@lru_cache(maxsize=1024)  # asked as a message arrives, and again when its turn begins
def _read_control(text: str) -> Control | None:
    return find_control(normalize(text))


async def handle_control(turn: Turn, person: Person, *, is_group: bool) -> TurnResult | None:
    """The result of a control; None if the message is none."""
    control = read_control(turn.text)
    if control is None:
        return None
    if control.action == "stop":
        text = await _stop(turn)
    else:
        text = (await db.call(approvals.decide, _ballot(turn, control, person, is_group), DOING)).text
    return TurnResult((Reply(text, title=text[:40]),), brief(turn, person, text))


async def _stop(turn: Turn) -> str:
    count = await consumer.cancel(turn.config_id, turn.sender_id, turn.conversation_id, beside=turn.inbox_id)
    return STOPPED if count else NOTHING_RUNS


def _ballot(turn: Turn, control: Control, person: Person, is_group: bool) -> Ballot:
    return Ballot(
        code=control.code,
        verdict=VERDICTS[control.action],
        person=person,
        config_id=turn.config_id,
        conversation_id=turn.conversation_id,
        is_group=is_group,
        through=f"chat:{turn.external_id}",
        reason=control.reason,
        inbox_id=turn.inbox_id,
    )


@dataclass(frozen=True, slots=True)
class Click:
    """A press of a card's button. ``params`` come from the card: ``code`` and ``verdict``."""

    config_id: int
    external_id: str
    corp_id: str
    staff_id: str
    params: Mapping[str, Any]


def decide_click(click: Click) -> Decision | None:
    """Decide by a button; None if the card asks for no decision. On a database thread; safe to repeat.

    A card stands in the conversation it was made for, so the place is the proposal's own.
    """
    verdict = VERDICTS.get(str(click.params.get("verdict") or click.params.get("action") or ""))
    code = str(click.params.get("code") or "")
    if verdict is None or not code:
        return None
    ballot = Ballot(
        code=code[:20],
        verdict=verdict,
        person=Person(click.corp_id, click.staff_id, click.staff_id, Role.NONE),
        config_id=click.config_id,
        conversation_id="",
        is_group=False,
        through=f"card:{click.external_id}",
        reason=str(click.params.get("reason") or ""),
        via="card",
    )
    return approvals.decide(ballot, DOING)
