"""Feedback about an answer (没用 原因): a whole message right after it, kept before any model is asked."""

import re
from collections.abc import Callable
from typing import Final

from bifang.channels.ports import Reply, Turn, TurnResult
from bifang.core.database import db
from bifang.core.errors import BifangError
from secops_agent.agent.acting.controls import UNTOLD
from secops_agent.agent.conversation import memory
from secops_agent.agent.conversation.records import brief, door_of
from secops_agent.models.people.staff import Role
from secops_agent.services import corrections
from secops_agent.services.actors import Actor
from secops_agent.services.people.staff import Person

LONGEST: Final = 600
TAKEN: Final = "已记下：上一个回答没用。会有人查看，用来改进手册和评测。"
_SAID: Final = re.compile(r"(?:没用|👎)(?:[\s,，:：。!！]+(?P<reason>.*))?", re.DOTALL)


async def handle_correction(
    turn: Turn, person: Person, *, is_group: bool, may_tell: Callable[[], bool]
) -> TurnResult | None:
    """What was taken down, or why not; None if the message is no such thing, or follows no answer."""
    text = turn.text.strip()
    match = _SAID.fullmatch(text) if len(text) <= LONGEST else None
    if match is None or not person.may(Role.VIEWER):
        return None
    place = memory.conversation_key(turn.config_id, turn.conversation_id)
    actor, reason = Actor.person(person, door_of(turn)), match["reason"] or ""
    try:
        if await db.call(corrections.take_down, place, actor, reason, is_group=is_group) is None:
            return None
        answer = TAKEN
    except BifangError as error:
        answer = error.message
    if not may_tell():
        return TurnResult((), brief(turn, person, ""), note=UNTOLD)
    return TurnResult((Reply(answer, title=answer[:40]),), brief(turn, person, answer))
