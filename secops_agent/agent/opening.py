"""What a turn begins with, before any model is asked: an exact order, or what the grammar understands for certain."""

from collections.abc import Sequence
from typing import Final

from secops_agent.agent.models import OfflineMode
from secops_agent.agent.toolbox import all_specs
from secops_agent.llm.offline import ACTION_TOOLS
from secops_agent.llm.types import Completion, Message, Request, ToolCall
from secops_agent.services.mcp.orders import CALL, COMMAND
from secops_agent.tools.mcp import order_arguments

_LONGEST: Final = 2000  # characters of an order


async def find_opening(
    text: str, dialogue: Sequence[Message], offline: OfflineMode, *, grammar: bool, calls: bool = True
) -> tuple[bool, Completion | None]:
    """Is the turn for code alone; and the calls that it begins with. ``text`` is what was typed.

    ``calls``: may the model look up more? Else all that code makes of the words is looked up, not only what is certain.
    """
    order = _read_command(text)
    if order is not None:
        return True, order
    if not calls:
        return await _guess(dialogue, offline)
    if not grammar:
        return False, None
    opening = await offline.opening(dialogue)
    if opening is not None and _is_for_code(opening):
        return True, None
    return False, opening


async def _guess(dialogue: Sequence[Message], offline: OfflineMode) -> tuple[bool, Completion | None]:
    """What is no question about data is left to the model: general knowledge."""
    guess = await offline.complete(Request(tuple(dialogue), all_specs()))
    if guess.unclear:
        return False, None
    return (True, None) if guess.offer or _is_for_code(guess) else (False, guess)


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
