"""Events of the organisation: stored, acknowledged, and acted on where somebody has a rule for them."""

from bifang.channels.ports import Incoming, ReplySink, Turn, TurnResult
from bifang.core.database import db
from dingtalk_integration.handlers.contents import text_of
from dingtalk_integration.handlers.organisation_events import read_event
from dingtalk_integration.stream.frames import Frame
from secops_agent.services.organisation.reactions import react


def normalise(frame: Frame, config_id: int) -> Incoming:
    """The stored form of an event of any type; deduplicated on eventId. Its type is its text: it is searched by it."""
    data = frame.data or {}
    return Incoming(
        config_id=config_id,
        kind="event",
        external_id=frame.header("eventId") or text_of(data, "eventId") or frame.message_id,
        text=frame.header("eventType")[:100],
        payload={
            "type": frame.header("eventType"),
            "corp_id": frame.header("eventCorpId"),
            "born_ms": frame.header("eventBornTime"),
            "data": dict(data),
        },
    )


async def handle(turn: Turn, sink: ReplySink) -> TurnResult:
    """Run again after a crash it does nothing twice: what it writes is keyed by the event."""
    happening = read_event(turn)
    return TurnResult(note=await db.call(react, happening) if happening else "")
