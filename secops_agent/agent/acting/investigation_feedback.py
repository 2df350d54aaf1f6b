"""Feedback about an investigation (调查 A12 有用, 调查 A12 没用 原因): whole messages, kept before any model is asked."""

import re
from collections.abc import Callable
from typing import Final

from bifang.channels.ports import Reply, Turn, TurnResult
from bifang.core.database import db
from bifang.core.errors import BifangError
from secops_agent import says
from secops_agent.agent.acting.controls import UNTOLD
from secops_agent.agent.conversation.records import brief, door_of
from secops_agent.llm.offline.expressions.normalization import normalize
from secops_agent.models.people.staff import Role
from secops_agent.services.actors import Actor
from secops_agent.services.investigations import feedback
from secops_agent.services.people.staff import Person

LONGEST: Final = 300
_OPINION: Final = re.compile(
    r"调查\s*(?:告警)?\s*A?(?P<alert>[1-9]\d{0,17})\s*(?P<word>有用|没用|没有用|无用)[,，。!\s]*(?P<reason>.*)"
)


async def handle_opinion(
    turn: Turn, person: Person, *, is_group: bool, may_tell: Callable[[], bool]
) -> TurnResult | None:
    """What was taken down, or why not; None if the message is no such thing."""
    match = _OPINION.fullmatch(normalize(turn.text)) if len(turn.text) <= LONGEST else None
    if match is None or not person.may(Role.VIEWER):
        return None
    useful = match["word"] == "有用"
    try:
        actor = Actor.person(person, door_of(turn))
        await db.call(feedback.give, int(match["alert"]), actor, useful=useful, reason=match["reason"])
        more = "" if useful else "，也会有人查看，用来改进手册和评测"
        word = "👍 有用" if useful else "👎 没用"
        text = f"已记下：A{match['alert']} 的调查{word}。它会计入这条规则的对照{more}。"
    except BifangError as error:
        if not may_tell():
            return TurnResult((), brief(turn, person, ""), note=UNTOLD)
        text = error.message
    return TurnResult((Reply(text, title=str(says.investigate(match["alert"]))),), brief(turn, person, text))
