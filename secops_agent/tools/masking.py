"""What a group may not read of a tool's result."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from secops_agent.services.privacy import mask
from secops_agent.tools.base import ToolResult

NOTE: Final = "> 含个人信息的内容不在群里显示。"


def for_group(result: ToolResult, values: Iterable[str] = ()) -> ToolResult:
    """The result as a group may read it; what was lost is for the asker's own chat."""
    hidden = tuple(values)
    shown = mask(result.text, hidden)
    result = replace(result, steps=tuple(step for step in result.steps if mask(step, hidden) == step))
    if NOTE in shown or (shown == result.text and not result.private_text):
        return replace(result, text=shown)
    full = result.private_text or result.text
    return replace(result, text=f"{shown}\n\n{NOTE}", data=None, private_text=full)
