"""Orders about one alert as whole messages (确认 A12, 误报 A12, 指派给我 A12, 静默 A12 1小时), and which messages never wait."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from bifang.channels.ports import Reply, Turn, TurnResult
from bifang.core.database import db
from secops_agent.agent.acting.controls import UNTOLD, read_control
from secops_agent.agent.conversation.records import brief, door_of
from secops_agent.agent.llms.placeholders import mask
from secops_agent.llm.offline.expressions.normalization import normalize
from secops_agent.services.alerts import orders
from secops_agent.services.alerts.orders import WORDS, AlertOrder, Orderer, Verb
from secops_agent.services.people.staff import Person

LONGEST: Final = 40  # characters; a longer message is never such an order
_VERBS: Final[Mapping[str, Verb]] = {word: verb for verb, word in WORDS.items()} | {"认领": "take"}
_MINUTES: Final = {"分钟": 1, "小时": 60, "天": 24 * 60}
_ORDER: Final = re.compile(
    rf"(?P<verb>{'|'.join(_VERBS)})\s*A(?P<alert>[1-9]\d{{0,17}})(?:\s*(?P<number>[1-9]\d{{0,3}})\s*(?P<unit>{'|'.join(_MINUTES)}))?",
    re.IGNORECASE,
)


_LAST: Final = re.compile(rf"{WORDS['undo']}(?:刚才的?操作?|刚才的?|上一步|刚刚的?操作?)?")


def is_bare_undo(text: str) -> bool:
    """撤销 or 撤销刚才的 and nothing else?"""
    return len(text) <= LONGEST and _LAST.fullmatch(normalize(text)) is not None


def read_order(text: str) -> AlertOrder | None:
    """The order that the whole message is; None for anything less exact, which is talked about first."""
    said = normalize(text) if len(text) <= LONGEST else ""
    if _LAST.fullmatch(said):
        return AlertOrder("undo", 0)
    match = _ORDER.fullmatch(said)
    if match is None:
        return None
    verb = _VERBS[match["verb"]]
    if (verb == "silence") != (match["unit"] is not None):
        return None  # only a silence has a length, and none is without
    minutes = int(match["number"]) * _MINUTES[match["unit"]] if match["unit"] else 0
    return AlertOrder(verb, int(match["alert"]), minutes)


async def handle_order(
    turn: Turn, person: Person, *, is_group: bool, may_tell: Callable[[], bool]
) -> TurnResult | None:
    """The result of an order; None if the message is none. ``may_tell`` says if what changed nothing is answered."""
    order = read_order(turn.text)
    if order is None:
        return None
    outcome = await db.call(
        orders.carry_out,
        order,
        Orderer(person, turn.config_id, door_of(turn), turn.conversation_id, turn.inbox_id),
    )
    if outcome.status != "done" and not may_tell():
        return TurnResult((), brief(turn, person, ""), note=UNTOLD)
    text = mask(outcome.text) if is_group else outcome.text
    return TurnResult((Reply(text, title=f"{WORDS[order.verb]} {order.code}"),), brief(turn, person, text))


_DECIDES: Final = re.compile(r"(确认|同意|拒绝|停止)(\s|$)")
_SHORT: Final = 60  # characters; other ways to say it (批准, 停一下) are short


def is_urgent(text: str) -> bool:
    """Does this decide or stop something?"""
    if _DECIDES.match(text):
        return True
    return len(text) <= _SHORT and (read_control(text) is not None or read_order(text) is not None)
