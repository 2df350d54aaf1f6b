"""Tool calls that a model wrote as text: JSON by itself, in a fence, or in ``<tool_call>`` marks.

Only a text that is nothing else counts, and only names that were offered: a model that quotes what it read calls
nothing.
"""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any
from uuid import uuid4

from secops_agent.llm.types import Completion, ToolCall

_MARKED = re.compile(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|\Z)", re.S)
_FENCED = re.compile(r"```(?:json|tool_call)?\s*\n(.*?)\n?```", re.S)
_BEGINNINGS = ("{", "[", "`", "<")


def begins_like_a_call(text: str) -> bool:
    """Might this become a call? Then nobody is shown it yet."""
    return text.lstrip().startswith(_BEGINNINGS)


def recovered(completion: Completion, names: Collection[str]) -> Completion:
    """The completion with the calls that its text is; the same one if it is none, or has calls already."""
    message = completion.message
    if message.tool_calls or not (calls := tuple(_calls(message.content.strip(), names))):
        return completion
    return Completion(
        message._replace(content="", tool_calls=calls), "tool_calls", completion.usage, completion.model,
        completion.request_id,
    )  # fmt: skip


def _calls(text: str, names: Collection[str]) -> Iterator[ToolCall]:
    for found in _objects(text):
        name = found.get("tool") or found.get("name")
        arguments = found.get("arguments", found.get("parameters", {}))
        if not isinstance(name, str) or name not in names or not isinstance(arguments, dict | str):
            return
        written = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        yield ToolCall(f"call_{uuid4().hex[:12]}", name, written)


def _objects(text: str) -> list[dict[str, Any]]:
    """What the whole text consists of; empty if anything else is in it."""
    for pattern in (_MARKED, _FENCED):
        if pattern.match(text):
            parts = [] if pattern.sub("", text).strip() else pattern.findall(text)
            break
    else:
        parts = [text]
    found: list[Any] = []
    for part in parts:
        try:
            value = json.loads(part)
        except (ValueError, RecursionError):
            return []
        found += value if isinstance(value, list) else [value]
    return found if all(isinstance(one, dict) for one in found) else []
