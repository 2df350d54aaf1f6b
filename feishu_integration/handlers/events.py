"""Events of the organisation: stored, acknowledged, and acted on where they take rights away."""

from typing import Final

from bifang.channels.ports import ReplySink, Turn, TurnResult
from bifang.core import db
from feishu_integration.handlers.contents import field_of, object_of
from secops_agent.services.people.staff import leave_organisation

PERSON_GONE: Final = "contact.user.deleted_v3"


async def handle(turn: Turn, sink: ReplySink) -> TurnResult:
    """Run again after a crash it does nothing twice."""
    if turn.payload.get("type") != PERSON_GONE:
        return TurnResult()
    open_id = field_of(object_of(turn.payload.get("data"), "object"), "open_id")
    corp_id = str(turn.payload.get("corp_id") or "")
    if not open_id or not corp_id:
        return TurnResult(note="离职事件没有写明是谁，没有停用任何人员")
    count = await db.call(leave_organisation, corp_id, [open_id])
    return TurnResult(note="离开企业，已停用人员" if count else "")
