"""Tool calls that a model wrote into its text: small ones put them in a code fence, in tags, or bare."""

import itertools
import json
import re
from collections.abc import Collection, Iterator
from typing import Any, Final

from secops_agent.llm.types import ToolCall

_MOST: Final = 5
_BEGINNING: Final = re.compile(r"\s*(?:```(?:json)?\s*)?(?:<tool_call>|[\[{])", re.IGNORECASE)
_WHOLE: Final = {"name", "arguments"}
_NAME: Final = re.compile(r"[a-z]+(?:_[a-z]+)+")
_numbers: Final = itertools.count(1)
# 好的，我先调用 get_alert 查一下。 And nothing else.
_ANNOUNCED: Final = re.compile(
    r"(?:好的?|明白|收到|没问题)?[，,。！! ]*(?:那|请稍等[，,。]?)?(?:我|让我|我们|接下来)?(?:先|来|就|将|会|需要|现在|马上|这就|为您|帮您|再|去|请直接){1,4}(?:调用|查询|查一?下|查看|使用|检查|看一?下|获取)[^。！!\n]{0,60}[。！!：:.…]*",
)


def announces(text: str) -> bool:
    """Does the whole text only say that something is going to be looked up?"""
    return len(text) <= 120 and _ANNOUNCED.fullmatch(text) is not None


def looks_written(text: str) -> bool:
    """Could this be the beginning of a written call? Nothing that is shown to people begins so."""
    return _BEGINNING.match(text) is not None


def read_calls(text: str, names: Collection[str]) -> tuple[ToolCall, ...]:
    """The calls, in order, of tools of these names, and of what looks like a tool's name and was written as nothing but a call: who
    made it is told that there is none. None where the text is an answer with an example in it."""
    found = [call for value in _objects(text) if (call := _call(value, names))]
    return tuple(found[:_MOST])


def _objects(text: str) -> Iterator[Any]:
    """The JSON objects of the text, those of lists one by one."""
    decoder, at = json.JSONDecoder(), 0
    while (at := text.find("{", at)) >= 0:
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            if text.count("{", at) > 200:  # braces without end: no calls
                return
            continue
        yield value


def _call(value: Any, names: Collection[str]) -> ToolCall | None:
    if not isinstance(value, dict):
        return None
    inner = value.get("function")
    told = inner if isinstance(inner, dict) else value
    name = told.get("name") or (inner if isinstance(inner, str) else None) or told.get("tool")
    arguments = told.get("arguments", told.get("parameters", {}))
    if not isinstance(name, str) or not (name in names or (set(told) == _WHOLE and _NAME.fullmatch(name))):
        return None
    written = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return ToolCall(f"written-{next(_numbers)}", name, written or "{}")
