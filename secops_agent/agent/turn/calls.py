"""Tool calls of one turn: admitted against the limits, run side by side, answered in their order."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from secops_agent.agent.turn.evidence import tool_content
from secops_agent.agent.turn.limits import TurnLimits
from secops_agent.agent.turn.outcome import ToolRun
from secops_agent.llm.types import Message, ToolCall
from secops_agent.tools.base import Prepared, Toolbox, ToolResult, clip

CIRCUMSTANCES: Final = frozenset({"reason", "note", "minutes", "duration_minutes"})
_REPEATED = ToolResult("error", text="同样参数的调用已经做过，结果就在上文。不要重复，请直接使用那个结果。")


class Calls:
    """All calls of one turn. ``runs`` holds them in the order of the calls, refused ones too.

    ``repeating`` is true when a step brought nothing but repeats.
    """

    def __init__(self, toolbox: Toolbox, limits: TurnLimits, remaining: Callable[[], float]) -> None:
        self._toolbox, self._limits, self._remaining = toolbox, limits, remaining
        self._asked: dict[Any, int] = defaultdict(int)
        self.left = limits.calls
        self.repeating = False
        self._uncertain: set[Any] = set()
        self._refused: set[Any] = set()
        self.runs: list[ToolRun] = []

    async def run(
        self, calls: Sequence[ToolCall], progress: Callable[[str], None], *, by_code: bool = False
    ) -> list[Message]:
        """Run the calls of one step; one tool message per call, in order. ``by_code``: the model may make them again."""
        admitted = [self._admit(call, by_code) for call in calls]
        titles = dict.fromkeys(item.tool.title for item in admitted if isinstance(item, Prepared))
        if titles:
            progress(f"正在{'、'.join(titles)}…")
        jobs = (self._run_one(call, item) for call, item in zip(calls, admitted, strict=True))
        runs = await asyncio.gather(*jobs)
        self.runs += runs
        # What was found may be what a refused action lacked.
        if any(run.result.useful and not run.result.proposed for run in runs):
            self._refused.clear()
        self.repeating = all(item is _REPEATED for item in admitted)
        return [_message(run) for run in runs]

    def hand_over(self) -> list[Message]:
        """This turn's useful results as one step, for another model to go on from; without any, a fresh start.

        Calls that were useful stay remembered, and those that may have proposed something: no action twice.
        """
        useful = [run for run in self.runs if run.result.useful]
        self.left, self.repeating = max(self.left, 2), False
        if not useful:
            for key in self._asked.keys() - self._uncertain:
                del self._asked[key]
            return []
        step = Message("assistant", "", tuple(run.call for run in useful))
        return [step, *(_message(run) for run in useful)]

    def found(self) -> str:
        """What the tools have found so far, as people may read it; "" if nothing."""
        return "\n\n".join(run.result.text for run in self.runs if run.result.useful and run.result.text)

    def _admit(self, call: ToolCall, by_code: bool) -> Prepared | ToolResult:
        if self.left <= 0:
            return ToolResult(
                "error", text=f"本轮的 {self._limits.calls} 次工具调用已用完，请根据已有结果回答。"
            )
        self.left -= 1
        prepared = self._toolbox.prepare(call)
        if isinstance(prepared, ToolResult):
            return prepared
        if prepared.key in self._refused:
            return _REPEATED
        key = _action(prepared)
        self._asked[key] += not by_code or prepared.tool.risk != "read"
        return _REPEATED if self._asked[key] > self._limits.same_call else prepared

    async def _run_one(self, call: ToolCall, admitted: Prepared | ToolResult) -> ToolRun:
        if isinstance(admitted, ToolResult):
            return ToolRun(call, admitted)
        clock = asyncio.get_running_loop().time
        start = clock()
        result = _readable(await self._execute(admitted))
        clipped = clip(result, self._limits.result_chars)
        key = _action(admitted)
        refused = result.status in ("error", "offered") and key not in self._uncertain
        if refused and admitted.tool.risk != "read":
            self._asked.pop(key, None)  # another note or reason is a correction; the same once more is not
            self._refused.add(admitted.key)
        return ToolRun(call, clipped, clock() - start, admitted.values, executed=True)

    async def _execute(self, prepared: Prepared) -> ToolResult:
        seconds = max(0.0, min(self._limits.tool_seconds, self._remaining()))
        try:
            async with asyncio.timeout(seconds):
                return await self._toolbox.execute(prepared)
        except TimeoutError:
            said = f"工具「{prepared.tool.title}」在 {seconds:.0f} 秒内没有返回，已停止等待。"
            if prepared.tool.risk != "read":
                said += "提议可能已经提交：请先核对，不要重复提交。"
                self._uncertain.add(_action(prepared))
            return ToolResult("error", text=said)


def _action(prepared: Prepared) -> Any:
    """Equal for calls that ask the same, or want the same done, whatever reason is given for it."""
    if prepared.tool.risk == "read":
        return prepared.key
    subject = {name: value for name, value in prepared.values.items() if name not in CIRCUMSTANCES}
    return prepared.tool.name, json.dumps(subject, sort_keys=True, default=str)


def _readable(result: ToolResult) -> ToolResult:
    """Every result has text, for the model and for people."""
    if result.text or result.data is None:
        return result
    return replace(result, text=json.dumps(result.data, ensure_ascii=False, default=str))


def _message(run: ToolRun) -> Message:
    return Message("tool", tool_content(run.result), tool_call_id=run.call.id, name=run.call.name)
