"""Events of the organisation: stored, acknowledged, and acted on where Bifang has something to do."""

import logging
from typing import Any

from bifang.channels.ports import Incoming, ReplySink, Turn, TurnResult
from bifang.core import db
from dingtalk_integration.handlers.contents import text_of
from dingtalk_integration.stream.frames import Frame
from secops_agent.services.people.staff import leave_organisation

log = logging.getLogger(__name__)


def normalise(frame: Frame, config_id: int) -> Incoming:
    """The stored form of an event of any type; deduplicated on eventId."""
    data = frame.data or {}
    return Incoming(
        config_id=config_id,
        kind="event",
        external_id=frame.header("eventId") or text_of(data, "eventId") or frame.message_id,
        payload={
            "type": frame.header("eventType"),
            "corp_id": frame.header("eventCorpId"),
            "data": dict(data),
        },
    )


async def handle(turn: Turn, sink: ReplySink) -> TurnResult:
    """Revoke at once what people who left could do; other events are kept for the record."""
    kind = turn.payload.get("type", "")
    if kind == "user_leave_org":
        count = await db.call(leave_organisation, turn.payload.get("corp_id", ""), _people(turn.payload))
        log.info(
            "dingtalk 人员离职，已停用 %d 人",
            count,
            extra={"config": turn.config_id, "event": turn.external_id},
        )
    return TurnResult()


def _people(payload: Any) -> list[str]:
    data = payload.get("data", {})
    people = data.get("userId") or data.get("UserId") or []  # HTTP-callback spelling, seen in older logs
    return [str(one) for one in (people if isinstance(people, list) else [people])]
