"""Clicks on cards: stored and acknowledged."""

from bifang.channels.ports import Incoming, ReplySink, Turn, TurnResult
from dingtalk_integration.handlers.contents import mapping_of, text_of
from dingtalk_integration.stream.frames import Frame


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


async def handle(turn: Turn, sink: ReplySink) -> TurnResult:
    """Nothing waits for a click yet."""
    return TurnResult()
