"""Clicks on cards: decided before the ack, stored, and finished by the turn if the decision came too late."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from bifang.channels.cards import content, repository
from bifang.channels.cards.calls import safe_face
from bifang.channels.outgoing import safe_line, safe_text
from bifang.channels.ports import Incoming, Reply, ReplySink, ReplyTarget, Turn, TurnResult
from bifang.core import db
from dingtalk_integration.cards.content import values_of
from dingtalk_integration.handlers.contents import mapping_of, text_of
from dingtalk_integration.stream.frames import Ack, Frame, card_ack
from secops_agent.agent.buttons import Pressed, is_look, look_up, press
from secops_agent.agent.controls import Click, decide_click
from secops_agent.services.decisions.requests import Decision
from secops_agent.services.people.limits import PERIOD_S, Allowance

log = logging.getLogger(__name__)
DECIDE_WITHIN_S: Final = 1.5  # DingTalk waits about 2 s for the ack
NO_BUTTONS: Final = "[]"
LOOKED_ENOUGH: Final = "同一人短时间内点「查看」太多，没有逐条发送"
_looks = Allowance(6, PERIOD_S)  # each costs a call
UPDATE_BY_KEY: Final = {"updateCardDataByKey": True, "updatePrivateDataByKey": True}


def normalise(frame: Frame, config_id: int) -> Incoming:
    """The stored form of a card callback."""
    data = frame.data or {}
    private = mapping_of(mapping_of(data, "content"), "cardPrivateData")
    return Incoming(
        config_id=config_id,
        kind="card",
        external_id=frame.message_id,
        conversation_id=text_of(data, "spaceId"),
        sender_id=text_of(data, "userId"),
        payload={
            "out_track_id": text_of(data, "outTrackId"),
            "corp_id": text_of(data, "corpId"),
            "action_ids": private.get("actionIds"),
            "params": private.get("params"),
        },
    )


async def decide(item: Incoming) -> tuple[Incoming, Ack]:
    """Decide a click now, within the time that DingTalk waits; the ack carries the card's new values.

    What takes longer goes on, and the turn of the stored row tells the clicker. Deciding again is safe.
    """
    try:
        deciding = db.call(_settle, item)
        decision = await asyncio.wait_for(asyncio.shield(deciding), DECIDE_WITHIN_S)
    except TimeoutError:
        log.warning("dingtalk 卡片按钮没有及时决定，稍后继续", extra={"config": item.config_id})
        return item, card_ack({})
    except Exception:
        log.exception("dingtalk 处理卡片按钮出错，稍后重试", extra={"config": item.config_id})
        return item, card_ack({})
    if decision is None:
        return item, card_ack({})
    values = notice_values(decision) if isinstance(decision, Pressed) else card_values(decision)
    return replace(item, payload={**item.payload, "decided": decision.status}), card_ack(values)


def _settle(item: Incoming | Turn) -> Pressed | Decision | None:
    """Carry out what the button of an alert's card orders, or decide a proposal."""
    click = _click(item)
    track_id = str(item.payload.get("out_track_id") or "")
    pressed = press(click, repository.part_shown(item.config_id, track_id))
    if pressed is not None and pressed.status == "refused":
        repository.add_reader(item.config_id, track_id, click.staff_id)
    return pressed or decide_click(click)


def notice_values(pressed: Pressed) -> dict[str, Any]:
    """The ack's response of an alert's card, as the card will stand; a refusal concerns the clicker alone."""
    options = {"cardUpdateOptions": UPDATE_BY_KEY}
    if pressed.notice is None or pressed.status == "refused":
        return {**options, "userPrivateData": {"cardParamMap": {"title": safe_line(pressed.text)}}}
    notice = pressed.notice
    values = values_of(safe_face(content.standing(notice.title, safe_text(notice.text), notice.buttons)))
    return {**options, "cardData": {"cardParamMap": values}, "userPrivateData": {"cardParamMap": {}}}


def card_values(decision: Decision) -> dict[str, Any]:
    """The ack's response: the variables of the card's template, as `dingtalk_integration.cards.content` has them.

    Everybody sees what was decided, without buttons; a refusal concerns the clicker alone.
    """
    options = {"cardUpdateOptions": UPDATE_BY_KEY}
    if decision.status == "refused":
        return {**options, "userPrivateData": {"cardParamMap": {"title": safe_line(decision.text)}}}
    title = safe_line(f"{decision.title}：{decision.label}")
    values = {"title": title, "content": safe_text(decision.text), "buttons": NO_BUTTONS}
    return {**options, "cardData": {"cardParamMap": values}, "userPrivateData": {"cardParamMap": {}}}


async def handle(turn: Turn, sink: ReplySink) -> TurnResult:
    """Nothing is left to do if the ack told it; else decide now and tell the clicker in private."""
    if turn.payload.get("decided"):
        return TurnResult()
    if is_look(turn.payload.get("params")):
        if not _looks.take((turn.config_id, turn.sender_id)):
            return TurnResult(note=LOOKED_ENOUGH)
        return await db.call(look_up, _click(turn), turn)
    decision = await db.call(_settle, turn)
    if decision is None:
        return TurnResult()
    target = ReplyTarget("", is_group=False, staff_id=turn.sender_id)
    title = "告警" if isinstance(decision, Pressed) else decision.title or "审批"
    return TurnResult((Reply(decision.text, title=title, target=target),))


def _click(item: Incoming | Turn) -> Click:
    params = item.payload.get("params")
    return Click(
        config_id=item.config_id,
        external_id=item.external_id,
        corp_id=str(item.payload.get("corp_id") or ""),
        staff_id=item.sender_id,
        params=params if isinstance(params, Mapping) else {},
    )
