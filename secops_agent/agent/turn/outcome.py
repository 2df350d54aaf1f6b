"""Outcome of one turn of the loop."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bifang.channels.ports import Suggestion
from secops_agent.llm.types import Heard, Message, Offer, ToolCall, Usage
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
class OfferShown:
    """An offer as it was told: its code, its actions, and what each would do; ``by_model``: a model called for them;
    ``replaces``: the code of the asker's proposal that is withdrawn when it is taken."""

    code: str
    actions: tuple[Offer, ...]
    effects: tuple[str, ...]
    by_model: bool = False
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class TurnOutcome:
    """The answer and how it came about.

    ``messages`` is what the turn added to the dialogue, the answer last. ``model`` answered; ``notice`` says in
    Chinese why it was another one (it is part of ``text`` already). ``offline``: code answered. ``stopped_by``: "answer" if the model was
    done by itself, else the limit that withdrew its tools, or content_filter, or error (``text`` tells it).
    ``heard``: what code made of the sentence beside its calls; ``offer``: what is offered in ``text``.
    """

    text: str
    messages: tuple[Message, ...]
    tool_runs: tuple[ToolRun, ...]
    usage: Usage
    stopped_by: StoppedBy
    model: str
    used_fallback: bool = False
    notice: str = ""
    offline: bool = False
    heard: Heard | None = None
    offer: OfferShown | None = None
    bills: tuple[Bill, ...] = ()

    @property
    def steps(self) -> tuple[Suggestion, ...]:
        """What is worth sending next, by the last result; nothing while something waits for a decision."""
        found = [run.result.steps for run in self.tool_runs if run.result.steps]
        taps = self.heard.taps if self.heard else ()
        return taps or (found[-1] if found and not self.proposals and not self.offer else ())

    @property
    def proposals(self) -> tuple[ToolRun, ...]:
        """The runs that only proposed an action and wait for a person."""
        return tuple(run for run in self.tool_runs if run.result.proposed)
