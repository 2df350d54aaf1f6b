"""What a group, or somebody without the role, may not read of a tool's result."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final, Protocol

from secops_agent import says
from secops_agent.services.privacy import NEEDS_ROLE, mask
from secops_agent.tools.base import ToolResult

NOTE: Final = "> 含个人信息的内容不在群里显示。"
ROLE_NOTE: Final = "> 账号、邮箱等个人信息需要「分析」角色才能看。"


class PrivateReader(Protocol):
    """Who reads a result, and where (`Asker`)."""

    @property
    def is_group(self) -> bool: ...
    @property
    def reads_private(self) -> bool: ...


def for_reader(result: ToolResult, reader: PrivateReader, values: Iterable[str] = ()) -> ToolResult:
    """A result about alerts as this reader may read it; ``values``: the people's names that it may tell."""
    if reader.is_group:
        shown = for_group(result, values)
        return shown if reader.reads_private else replace(shown, private_text="")
    return result if reader.reads_private else _without_role(result, tuple(values))


def _without_role(result: ToolResult, values: tuple[str, ...]) -> ToolResult:
    shown = mask(result.text, values, NEEDS_ROLE)
    kept = _without_telling_steps(result, values)
    if shown == result.text and not result.private_text:
        return kept
    return replace(_with_ids_only(kept, values), text=f"{shown}\n\n{ROLE_NOTE}", private_text="")


def _without_telling_steps(result: ToolResult, hidden: tuple[str, ...]) -> ToolResult:
    """Nor fields that tell."""
    steps = tuple(step for step in result.steps if mask(str(step), hidden) == str(step))
    return replace(
        result, steps=steps, fields=tuple(each for each in result.fields if mask(each, hidden) == each)
    )


def for_group(result: ToolResult, values: Iterable[str] = ()) -> ToolResult:
    """The result as a group may read it; what was lost is for the asker's own chat."""
    hidden = tuple(values)
    shown = mask(result.text, hidden)
    result = _without_telling_steps(result, hidden)
    if NOTE in shown or (shown == result.text and not result.private_text):
        return replace(result, text=shown)
    full = result.private_text or result.text
    return replace(_with_ids_only(result, hidden), text=f"{shown}\n\n{NOTE}", private_text=full)


def _with_ids_only(result: ToolResult, hidden: tuple[str, ...]) -> ToolResult:
    """Of what code knows of a masked result the ids stay, which 更多 and 第二个 need; without them there is no 更多."""
    if _are_ids(result.data, hidden):
        return result
    return replace(result, data=None, steps=tuple(step for step in result.steps if step != says.MORE))


def _are_ids(data: Any, hidden: tuple[str, ...]) -> bool:
    return isinstance(data, list) and all(
        isinstance(each, int) or (isinstance(each, str) and mask(each, hidden) == each) for each in data
    )
