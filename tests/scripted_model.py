"""A model that says what it was told to say: for tests of what is around it."""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from bifang.core.configuration.config_cache import ConfigCache
from secops_agent.agent.llms.models import Models
from secops_agent.llm.types import LLM, Completion, Delta, Message, OnDelta, Request, Terms, ToolCall, Usage

Play = str | ToolCall | Sequence[ToolCall] | Completion | BaseException | Callable[[Request], Any]
_numbers = itertools.count(1)
_PIECE_CHARS = 8


def call(name: str, /, **arguments: Any) -> ToolCall:
    """A tool call for a script, with a fresh id."""
    return ToolCall(f"call_{next(_numbers)}", name, json.dumps(arguments, ensure_ascii=False))


class Scripted:
    """The LLM port over a script.

    ``script``: steps in order, or one function from request to step for every request. A step is a text,
    a tool call or several, a Completion, an exception to raise, or a function from request to step.
    ``requests`` records what was asked, unless ``record`` is false (long runs). Every completion takes ``delay_s`` seconds.
    """

    def __init__(
        self,
        script: Iterable[Play] | Callable[[Request], Play],
        *,
        delay_s: float = 0.0,
        name: str = "脚本模型",
        usage: Usage | None = None,
        offline: bool = False,
        record: bool = True,
        terms: Terms | None = None,
    ) -> None:
        self.name, self.offline = name, offline
        self.terms = terms or Terms()
        self.requests: list[Request] = []
        self._delay_s, self._record, self._asked = delay_s, record, 0
        self._usage = usage or Usage(100, 20, 0)
        self._steps: Iterator[Play] = itertools.repeat(script) if callable(script) else iter(script)

    async def complete(self, request: Request, on_delta: OnDelta | None = None) -> Completion:
        """Play the next step; AssertionError when the script has ended."""
        self._asked += 1
        if self._record:
            self.requests.append(request)
        step = next(self._steps, None)
        if self._delay_s:
            await asyncio.sleep(self._delay_s)
        while callable(step):
            step = step(request)
        if isinstance(step, BaseException):
            raise step
        completion = self._completion(step)
        await _stream(completion.message.content, on_delta)
        return completion

    def _completion(self, step: Any) -> Completion:
        if step is None:
            raise AssertionError(f"the script has no step for request {self._asked}")
        if isinstance(step, Completion):
            return step
        if isinstance(step, str):
            return Completion(Message("assistant", step), "stop", self._usage, "scripted")
        calls = (step,) if isinstance(step, ToolCall) else tuple(step)
        return Completion(Message("assistant", "", calls), "tool_calls", self._usage, "scripted")


async def _stream(text: str, on_delta: OnDelta | None) -> None:
    for start in range(0, len(text) if on_delta else 0, _PIECE_CHARS):
        if on_delta is not None:
            on_delta(Delta(text[start : start + _PIECE_CHARS]))
        await asyncio.sleep(0)


class ScriptedModels(Models):
    """Every configuration's model is this one, and that of a conversation without one."""

    def __init__(self, model: Scripted) -> None:
        super().__init__(ConfigCache())
        self.model = model

    async def get(self, ai_config_id: int) -> LLM:
        """The script."""
        return self.model

    async def chain(self, ai_configs: Iterable[int], admit: Any) -> tuple[list[LLM], list[str]]:
        """Without a configuration, too."""
        return await super().chain(ai_configs, admit) if ai_configs else ([self.model], [])
