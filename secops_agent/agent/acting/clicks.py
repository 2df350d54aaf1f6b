"""Clicks on cards, whatever the platform: decided while it waits, stored, and finished by the turn if that took too long."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from bifang.channels.cards import content
from bifang.channels.cards.calls import safe_face
from bifang.channels.cards.ports import CardPlace, Face
from bifang.channels.cards.repository import part_shown
from bifang.channels.ports import Incoming, Reply, ReplySink, ReplyTarget, Turn, TurnResult
from bifang.core.database import db
from secops_agent.agent.acting.buttons import Pressed, is_look, look_up, press
from secops_agent.agent.acting.controls import Click, decide_click
from secops_agent.services.decisions.requests import Decision
from secops_agent.services.people.limits import PERIOD_S, Allowance

log = logging.getLogger(__name__)
LOOKED_ENOUGH: Final = "同一人短时间内点「查看」太多，没有逐条发送"
_looks = Allowance(6, PERIOD_S)  # each costs a call
Outcome = Pressed | Decision


@dataclass(frozen=True, slots=True)
class Clicked:
    """``item`` as it is to be stored; what the click came to, None for a button that asks for nothing.

    ``late``: it is not decided yet; that goes on, and the turn of the stored row tells the clicker.
    """

    item: Incoming
    outcome: Outcome | None = None
    late: bool = False


def settle(item: Incoming | Turn) -> Outcome | None:
    """Carry out what the button of an alert's card orders, or decide a proposal. On a database thread; safe to repeat.

    The payload names the card (``out_track_id``), the clicker's corporation (``corp_id``) and the button (``params``).
    """
    click, told_by = _click(item), _told_by(item)
    return press(click, told_by) or decide_click(click, told_by)


async def decide(
    item: Incoming, within_s: float, settle: Callable[[Incoming], Outcome | None] = settle
) -> Clicked:
    """Decide a click now, within the time that the platform waits. Never raises."""
    try:
        outcome = await asyncio.wait_for(asyncio.shield(db.call(settle, item)), within_s)
    except TimeoutError:
        log.warning("卡片按钮没有及时决定，稍后继续", extra={"config": item.config_id})
        return Clicked(item, late=True)
    except Exception:
        log.exception("处理卡片按钮出错，稍后重试", extra={"config": item.config_id})
        return Clicked(item, late=True)
    if outcome is None:
        return Clicked(item)
    return Clicked(replace(item, payload={**item.payload, "decided": outcome.status}), outcome)


def face_of(outcome: Outcome) -> Face | None:
    """The card as everybody sees it from now on; None if it stays, and only the clicker is told the outcome's text."""
    if outcome.status == "refused":
        return None
    if isinstance(outcome, Decision):
        return safe_face(content.decided(headline_of(outcome), outcome.text))
    notice = outcome.notice
    return safe_face(content.standing(notice.title, notice.text, notice.buttons)) if notice else None


def headline_of(outcome: Outcome) -> str:
    """What happened, in a line."""
    return outcome.text if isinstance(outcome, Pressed) else f"{outcome.title}：{outcome.label}"


async def handle(turn: Turn, sink: ReplySink) -> TurnResult:
    """Nothing is left to do if the answer to the click told it; else decide now and tell the clicker in private."""
    if turn.payload.get("decided"):
        return TurnResult()
    if is_look(turn.payload.get("params")):
        if not _looks.take((turn.config_id, turn.sender_id)):
            return TurnResult(note=LOOKED_ENOUGH)
        return await db.call(_look, turn)
    outcome = await db.call(settle, turn)
    if outcome is None:
        return TurnResult()
    target = ReplyTarget("", is_group=False, staff_id=turn.sender_id)
    title = "告警" if isinstance(outcome, Pressed) else outcome.title or "审批"
    return TurnResult((Reply(outcome.text, title=title, target=target),))


def _look(turn: Turn) -> TurnResult:
    return look_up(_click(turn), turn, _told_by(turn))


def _told_by(item: Incoming | Turn) -> str:
    """The message that the clicked card shows: ours, sent to this group or this person; "" for every other card."""
    place = CardPlace(item.conversation_id, bool(item.conversation_id), item.sender_id)
    return part_shown(item.config_id, str(item.payload.get("out_track_id") or ""), place)


def _click(item: Incoming | Turn) -> Click:
    params = item.payload.get("params")
    return Click(
        config_id=item.config_id,
        external_id=item.external_id,
        corp_id=str(item.payload.get("corp_id") or ""),
        staff_id=item.sender_id,
        params=params if isinstance(params, Mapping) else {},
    )
