"""A question without a chat: what `ask` and the evaluation set run. Nothing is stored, writes are only shown."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from bifang.core.config_cache import ConfigCache
from bifang.core.errors import BifangError
from secops_agent.agent.outcome import ToolRun, TurnOutcome
from secops_agent.agent.replies import unknown_person
from secops_agent.agent.service import Agent, Talk
from secops_agent.agent.steps import with_steps
from secops_agent.models.staff import Role
from secops_agent.services.people.staff import Person
from secops_agent.tools.base import Risk

_CODE: Final = "试运行"


class Rehearsal:
    """A proposer that stores nothing."""

    def propose(self, tool: str, title: str, risk: Risk, arguments: Mapping[str, Any], summary: str) -> str:
        """A code that nobody can redeem."""
        return _CODE


@dataclass(frozen=True, slots=True)
class Tried:
    """What one sentence came to.

    ``tool`` is the first tool that was called and ``arguments`` what was said to it (nothing filled in); None and
    {} when none was. ``status`` is the tool's; without a tool: "answered" for small talk and help, "not_understood"
    when the offline mode only made suggestions, "error" when there was no answer. "offer": nothing was called or
    proposed, ``tool`` and ``arguments`` are what the offline mode asks about.
    """

    text: str
    tool: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    status: str = "answered"
    answer: str = ""

    def as_line(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)


class Trial:
    """Asks as one person, each sentence by itself. One per event loop; call `close` at the end."""

    def __init__(self, person: Person, *, ai_config_id: int | None = None, is_group: bool = False) -> None:
        self._agent = Agent(ConfigCache())
        self._ai = () if ai_config_id is None else (ai_config_id,)
        self._person, self._is_group = person, is_group

    async def ask(self, text: str) -> Tried:
        """Never raises: an error is the answer."""
        if not self._person.may(Role.VIEWER):
            return Tried(text, status="error", answer=unknown_person(self._person.staff_id, ()))
        talk = Talk(self._person, text, is_group=self._is_group, ai_configs=self._ai, proposer=Rehearsal())
        try:
            return _tried(text, await self._agent.converse(talk))
        except BifangError as error:
            return Tried(text, status="error", answer=error.message)
        except Exception as error:
            return Tried(text, status="error", answer=f"内部错误：{type(error).__name__}：{error}")

    async def close(self) -> None:
        """Close connections."""
        await self._agent.close()


def _tried(text: str, outcome: TurnOutcome) -> Tried:
    run, offer = next(iter(outcome.tool_runs), None), outcome.offer
    if run is not None:
        shown, _ = with_steps(outcome.text, outcome.steps, is_group=True)
        return Tried(text, run.call.name, _said(run), run.result.status, shown)
    if offer is not None:
        return Tried(text, offer.tool, dict(offer.arguments), "offer", outcome.text)
    return Tried(text, status=_without_tool(outcome), answer=outcome.text)


def _said(run: ToolRun) -> dict[str, Any]:
    try:
        said = json.loads(run.call.arguments or "{}")
    except ValueError:
        said = None
    return said if isinstance(said, dict) else dict(run.arguments)


def _without_tool(outcome: TurnOutcome) -> str:
    if outcome.stopped_by in ("error", "content_filter"):
        return "error"
    if outcome.unclear:
        return "not_understood"
    return "answered"
