"""What a turn begins with, before any model is asked: an exact order, or what the grammar understands for certain."""

from collections.abc import Sequence
from typing import Final

from secops_agent.agent.models import OfflineMode
from secops_agent.llm.offline import ACTION_TOOLS
from secops_agent.llm.types import Completion, Message, ToolCall
from secops_agent.services.mcp.orders import CALL, COMMAND
from secops_agent.tools.mcp import order_arguments

_LONGEST: Final = 2000  # characters of an order


async def find_opening(
    text: str, dialogue: Sequence[Message], offline: OfflineMode, *, grammar: bool
) -> tuple[bool, Completion | None]:
    """Is the turn for code alone; and the calls that it begins with. ``text`` is what was typed."""
    order = _read_command(text)
    if order is not None or not grammar:
        return order is not None, order
    opening = await offline.opening(dialogue)
    if opening is not None and _is_for_code(opening):
        return True, None
    return False, opening


def _is_for_code(opening: Completion) -> bool:
    """Orders, what may be one, and the help text: what is done is said by people's words and code alone."""
    calls = opening.message.tool_calls
    return not calls or calls[0].name in ACTION_TOOLS


def _read_command(text: str) -> Completion | None:
    """The call that a person ordered by the exact line, as it was typed: no grammar respells its values."""
    command, _, line = text.strip().replace("／", "/", 1).partition(" ")
    if command != COMMAND or len(text) > _LONGEST:
        return None
    call = ToolCall(id="ordered", name=CALL, arguments=order_arguments(line.strip()))
    return Completion(Message("assistant", "", (call,)), "tool_calls")
