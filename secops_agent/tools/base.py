"""The port between the agent loop and what it can do: tools, their results, and the box of one sender.

Identity is never an argument: whoever builds a Toolbox binds its tools to the sender. No Django here.
"""

import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, Literal, Protocol, Self, TypeVar

from pydantic import ConfigDict

from bifang.channels.ports import FileToSend, Suggestion
from bifang.core.errors import BifangError, InvalidInput
from bifang.core.monitoring import tracing
from secops_agent.counted import CALLS
from secops_agent.llm.types import ToolCall, ToolSpec
from secops_agent.tools.arguments import Arguments, argument, parse, schema

__all__ = [
    "Arguments", "NoArguments", "Prepared", "Proposer", "Risk", "Tool", "ToolResult", "Toolbox", "argument", "clip", "in_thread",
]  # fmt: skip

Risk = Literal["read", "write", "dangerous"]
Status = Literal["ok", "no_data", "error", "needs_confirmation", "needs_approval", "offered"]
PROPOSED: Final = frozenset({"needs_confirmation", "needs_approval", "offered"})

_log = logging.getLogger(__name__)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool found or proposed.

    ``query`` tells in Chinese exactly what was asked of the data ("级别=高危，最近 24 小时，最多 20 条").
    ``text`` is DingTalk markdown that the offline mode shows and the model reads; ``data`` is JSON-able, for
    code. ``proposal_code`` is what a person answers with when the status is needs_confirmation or
    needs_approval; nothing has been done then. "offered": an action is put before the asker, beside the answer. ``private_text`` is what ``text`` left out because a group reads
    it: for the asker's own chat only, never for the model. ``steps``: what is worth sending next.
    ``fields`` are the addresses, names and numbers that stand in fields of our own data: a model may point people at
    them, not at what only some text mentions. ``file`` goes out beside the answer, for the readers of ``text``.
    """

    status: Status
    query: str = ""
    text: str = ""
    data: Any = None
    proposal_code: str = ""
    private_text: str = ""
    steps: tuple[Suggestion, ...] = ()
    fields: tuple[str, ...] = ()
    file: FileToSend | None = None

    @property
    def proposed(self) -> bool:
        """Whether this waits for a person: proposed by code, or offered by a model."""
        return self.status in PROPOSED

    @property
    def useful(self) -> bool:
        """Whether the tool answered ("no data" is an answer)."""
        return self.status != "error"


class Proposer(Protocol):
    """Stores what the asker wants done, bound to asker, place and request; called on a database thread."""

    def propose(self, tool: str, title: str, risk: Risk, arguments: Mapping[str, Any], summary: str) -> str:
        """The code that a person answers with. Raises BifangError when nobody could decide; nothing is stored then."""
        ...


class NoArguments(Arguments):
    """Arguments of a tool that takes none; what a model writes all the same changes nothing."""

    model_config = ConfigDict(extra="ignore")


@dataclass(frozen=True)
class Tool:
    """One thing the agent can do, bound to one sender.

    ``arguments`` is a class of `secops_agent.tools.arguments`, ``run`` takes an instance of it.
    A tool of risk write or dangerous only proposes. ``title`` is the short Chinese name shown while it runs.
    """

    name: str
    title: str
    description: str
    risk: Risk
    arguments: type[Arguments]
    run: Callable[[Any], Awaitable[ToolResult]]

    @cached_property
    def spec(self) -> ToolSpec:
        """The tool as the model is shown it."""
        return ToolSpec(self.name, self.description, schema(self.arguments))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call that may run: the tool and its checked arguments (hashable, so that repeats are recognised)."""

    tool: Tool
    arguments: Arguments

    @property
    def key(self) -> tuple[str, Any]:
        """Equal for calls that ask the same."""
        return self.tool.name, self.arguments

    @property
    def values(self) -> dict[str, Any]:
        """The checked arguments by name, defaults filled in."""
        return self.arguments.model_dump()


class Toolbox:
    """The tools of one sender."""

    def __init__(self, tools: Mapping[str, Tool]) -> None:
        self._tools = dict(tools)

    @classmethod
    def of(cls, tools: Iterable[Tool]) -> Self:
        """A box of these tools, in this order."""
        return cls({tool.name: tool for tool in tools})

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """All tools as the model is shown them."""
        return tuple(tool.spec for tool in self._tools.values())

    def get(self, name: str) -> Tool | None:
        """The tool of that name, if the sender has it."""
        return self._tools.get(name)

    def prepare(self, call: ToolCall) -> Prepared | ToolResult:
        """Check a call of the model; a ToolResult of status error says in Chinese what is wrong with it."""
        tool = self.get(call.name)
        if tool is None:
            known = "、".join(spec.name for spec in self.specs) or "（无）"
            return ToolResult("error", text=f"没有名为「{call.name[:64]}」的工具。可用的工具：{known}。")
        try:
            return Prepared(tool, parse(tool.arguments, _object(call.arguments)))
        except InvalidInput as fault:
            return ToolResult("error", text=fault.message)

    async def run(self, call: ToolCall) -> ToolResult:
        """Check and run one call; whatever goes wrong comes back as a result."""
        prepared = self.prepare(call)
        return prepared if isinstance(prepared, ToolResult) else await self.execute(prepared)

    async def execute(self, prepared: Prepared) -> ToolResult:
        """Run a checked call; errors come back as results, unexpected ones also go to the log."""
        began = time.perf_counter()
        with tracing.span("tool", tool=prepared.tool.name):
            result = await self._execute(prepared)
            tracing.mark(result=result.status)
        CALLS.observe(time.perf_counter() - began, prepared.tool.name, result.status)
        return result

    @staticmethod
    async def _execute(prepared: Prepared) -> ToolResult:
        try:
            return await prepared.tool.run(prepared.arguments)
        except BifangError as error:
            return ToolResult("error", text=error.message)
        except Exception:
            _log.exception("tool %s failed", prepared.tool.name)
            said = f"工具「{prepared.tool.title}」内部出错，已记入日志，请告诉管理员。"
            return ToolResult("error", text=said)


def in_thread(
    call: Callable[..., Awaitable[ToolResult]], function: Callable[..., ToolResult], *bound: Any
) -> Callable[[Any], Awaitable[ToolResult]]:
    """Make a tool's ``run`` from a synchronous function: ``call`` is `bifang.core.database.db.call`.

    ``function`` is called as ``function(*bound, arguments)``; ``bound`` starts with the sender.
    """

    async def run(arguments: Any) -> ToolResult:
        return await call(function, *bound, arguments)

    return run


def clip(result: ToolResult, limit: int) -> ToolResult:
    """``result`` with at most about ``limit`` characters of text, cut at a line, and told to be narrowed."""
    if len(result.text) <= limit:
        return result
    kept = result.text[:limit]
    head, newline, _ = kept.rpartition("\n")
    kept = head if newline and len(head) > limit // 2 else kept
    lost = result.text.count("\n", len(kept))
    rest = f"，还有约 {lost} 行没有显示" if lost else ""
    note = f"（结果太长，只给出前 {len(kept)} 个字{rest}。请加条件缩小范围：更短的时间、更高的级别、具体的资产或更小的 limit。）"
    return replace(result, text=f"{kept}\n\n{note}")


def _object(text: str) -> dict[str, Any]:
    """The JSON object a model wrote; InvalidInput for anything else."""
    try:
        found = json.loads(text or "{}")
        if isinstance(found, str):  # some models encode the object twice
            found = json.loads(found or "{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidInput('参数不是合法的 JSON 对象。请重新给出完整的参数，例如 {"limit": 10}。')
    return found
