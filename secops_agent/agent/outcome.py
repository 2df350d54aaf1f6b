"""What one turn of the loop came to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from secops_agent.llm.types import Message, Offer, ToolCall, Usage
from secops_agent.tools.base import ToolResult

StoppedBy = Literal[
    "answer", "steps", "calls", "tokens", "seconds", "repeats", "content_filter", "error"
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class ToolRun:
    """One call of the model and its result, for the audit trail.

    ``arguments`` are the checked ones, empty if the call was refused; ``executed`` tells whether the tool ran.
    """

    call: ToolCall
    result: ToolResult
    seconds: float = 0.0
    arguments: Mapping[str, Any] = field(default_factory=dict)
    executed: bool = False


@dataclass(frozen=True, slots=True)
class Bill:
    """What one model took; ``config_id`` pays."""

    config_id: int | None
    model: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class TurnOutcome:
    """The answer and how it came about.

    ``messages`` is what the turn added to the dialogue, the answer last. ``model`` answered; ``notice`` says in
    Chinese why it was another one (it is part of ``text`` already). ``offline``: code answered. ``stopped_by``: "answer" if the model was
    done by itself, else the limit that withdrew its tools, or content_filter, or error (``text`` tells it).
    ``offer``: an action that the offline mode asks about in ``text``; nothing was proposed. ``unclear``: the offline mode understood nothing and made suggestions.
    """

    text: str
    messages: tuple[Message, ...]
    tool_runs: tuple[ToolRun, ...]
    usage: Usage
    stopped_by: StoppedBy
    model: str
    used_fallback: bool = False
    notice: str = ""
    offer: Offer | None = None
    offline: bool = False
    unclear: bool = False
    bills: tuple[Bill, ...] = ()

    @property
    def steps(self) -> tuple[str, ...]:
        """What is worth sending next, by the last result; nothing while something waits for a decision."""
        found = [run.result.steps for run in self.tool_runs if run.result.steps]
        return found[-1] if found and not self.proposals and not self.offer else ()

    @property
    def proposals(self) -> tuple[ToolRun, ...]:
        """The runs that only proposed an action and wait for a person."""
        return tuple(run for run in self.tool_runs if run.result.proposed)
