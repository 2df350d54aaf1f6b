"""Clicks on cards: decided before the ack, which carries the card's new values."""

from typing import Any, Final

from bifang.channels.cards import repository
from bifang.channels.ports import Incoming
from bifang.channels.text.outgoing import safe_line
from dingtalk_integration.cards.content import values_of
from dingtalk_integration.handlers.contents import mapping_of, text_of
from dingtalk_integration.stream.frames import Ack, Frame, card_ack
from secops_agent.agent.acting import clicks
from secops_agent.agent.acting.buttons import Pressed
from secops_agent.agent.acting.clicks import Outcome, face_of

DECIDE_WITHIN_S: Final = 1.5  # DingTalk waits about 2 s for the ack
UPDATE_BY_KEY: Final = {"updateCardDataByKey": True, "updatePrivateDataByKey": True}


def normalise(frame: Frame, config_id: int) -> Incoming:
    """The stored form of a card callback."""
    data = frame.data or {}
    private = mapping_of(mapping_of(data, "content"), "cardPrivateData")
    return Incoming(
        config_id=config_id,
        kind="card",
        external_id=frame.message_id,
        conversation_id=_group_of(text_of(data, "spaceId")),
        sender_id=text_of(data, "userId"),
        payload={
            "out_track_id": text_of(data, "outTrackId"),
            "corp_id": text_of(data, "corpId"),
            "action_ids": private.get("actionIds"),
            "params": private.get("params"),
        },
    )


def _group_of(space: str) -> str:
    """The group in which it was clicked; "" for the chat of one person, and for what is no conversation of DingTalk's."""
    named = space.rpartition("IM_GROUP.")[2]
    return named if named.startswith("cid") else ""


async def decide(item: Incoming) -> tuple[Incoming, Ack]:
    """Decide a click now, within the time that DingTalk waits; the ack carries the card's new values."""
    clicked = await clicks.decide(item, DECIDE_WITHIN_S, _settle)
    return clicked.item, card_ack(card_values(clicked.outcome) if clicked.outcome else {})


def _settle(item: Incoming) -> Outcome | None:
    """As everywhere; who is refused sees a title of their own until the card changes."""
    outcome = clicks.settle(item)
    if isinstance(outcome, Pressed) and outcome.status == "refused":
        repository.add_reader(item.config_id, item.payload["out_track_id"], item.sender_id)
    return outcome


def card_values(outcome: Outcome) -> dict[str, Any]:
    """The ack's response: the variables of the card's template, as `dingtalk_integration.cards.content` has them.

    Everybody sees how the card stands now; a refusal concerns the clicker alone.
    """
    options, face = {"cardUpdateOptions": UPDATE_BY_KEY}, face_of(outcome)
    if face is None:
        return {**options, "userPrivateData": {"cardParamMap": {"title": safe_line(outcome.text)}}}
    return {**options, "cardData": {"cardParamMap": values_of(face)}, "userPrivateData": {"cardParamMap": {}}}
