"""The message format that DashScope and OpenAI's wire have in common: our messages out, streamed fragments in.

Fragments of one tool call share an ``index``; later ones lack id and name.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from bifang.core.errors import RemoteError
from secops_agent.llm.types import Completion, Delta, FinishReason, Message, ToolCall, ToolSpec, Usage

MOST_CALLS = 200
LONGEST_ANSWER = 2_000_000  # characters of words and calls together
_FINISHES: dict[str, FinishReason] = {"stop": "stop", "length": "length", "tool_calls": "tool_calls"}


def tool_of(spec: ToolSpec) -> dict[str, Any]:
    """A tool as both wires want it."""
    function = {"name": spec.name, "description": spec.description, "parameters": dict(spec.parameters)}
    return {"type": "function", "function": function}


def call_of(index: int, call: ToolCall) -> dict[str, Any]:
    """A call of the dialogue so far."""
    function = {"name": call.name, "arguments": _valid_arguments(call.arguments)}
    return {"index": index, "id": call.id, "type": "function", "function": function}


def _valid_arguments(arguments: str) -> str:
    """Servers answer 400 to a history whose arguments are not JSON, although the model wrote them."""
    try:
        return encodable(arguments) if isinstance(json.loads(arguments), dict) else "{}"
    except ValueError:
        return "{}"


def encodable(text: str) -> str:
    """Lone surrogates (from a broken client) would fail when the request is encoded."""
    return text.encode("utf-8", "replace").decode("utf-8")


@dataclass(slots=True)
class _Fragments:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Merge:
    """Collects the fragments of one streamed answer."""

    usage: Usage = field(default_factory=Usage)
    request_id: str = ""
    _content: list[str] = field(default_factory=list)
    _calls: dict[int, _Fragments] = field(default_factory=dict)
    _finish: str = ""
    _size: int = 0

    @property
    def finished(self) -> bool:
        """Whether the service said that the answer is complete."""
        return bool(self._finish)

    @property
    def refused(self) -> bool:
        """Whether the answer was ended by the content filter without an error event."""
        return self._finish.lower() in ("content_filter", "data_inspection_failed")

    def finish(self, reason: Any) -> None:
        """Note the reason of the end; "null" and nothing are none."""
        if reason and reason != "null":
            self._finish = str(reason)

    def take(self, message: Mapping[str, Any], finish: Any) -> Delta | None:
        """Take one fragment of the message; returns what is new to show, if anything."""
        self.finish(finish)
        for fragment in message.get("tool_calls") or []:
            self._take_call(fragment)
        content = _text(message.get("content"))
        reasoning = _text(message.get("reasoning_content") or message.get("reasoning"))
        if content:
            self._keep(self._content, content)
        return Delta(content, reasoning) if content or reasoning else None

    def _take_call(self, fragment: Mapping[str, Any]) -> None:
        function = fragment.get("function") or {}
        call = self._calls.setdefault(self._index(fragment, function), _Fragments())
        call.id = call.id or fragment.get("id") or ""
        call.name = call.name or function.get("name") or ""
        arguments = function.get("arguments") or ""
        self._keep(
            call.arguments,
            arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False),
        )

    def _keep(self, pieces: list[str], piece: str) -> None:
        """RemoteError where no end is in sight: it would be read, stored and sent back with the next question."""
        self._size += len(piece)
        if self._size > LONGEST_ANSWER or len(self._calls) > MOST_CALLS:
            raise RemoteError("模型的回答长得没有尽头，已放弃接收。", permanent=False, code="too_large")
        pieces.append(piece)

    def _index(self, fragment: Mapping[str, Any], function: Mapping[str, Any]) -> int:
        """Some servers number every call 0, or none: another id with a name begins another call."""
        number, found = fragment.get("index"), fragment.get("id")
        if number is None:
            return len(self._calls) - (0 if found or not self._calls else 1)
        known = self._calls.get(int(number))
        another = known and known.name and function.get("name") and found and found != known.id
        return len(self._calls) if another else int(number)

    def completion(self, model: str) -> Completion:
        """The whole answer; call once the stream has ended."""
        calls = tuple(
            ToolCall(call.id or f"call_{uuid4().hex[:12]}", call.name, "".join(call.arguments) or "{}")
            for _, call in sorted(self._calls.items())
        )
        finish = _FINISHES.get(self._finish, "stop")
        if calls and finish == "stop":
            finish = "tool_calls"
        message = Message("assistant", "".join(self._content), calls)
        return Completion(message, finish, self.usage, model, self.request_id)


def _text(content: Any) -> str:
    """Text of a ``content``: a string, or a list of parts (on DashScope's multimodal endpoint)."""
    if isinstance(content, list):
        return "".join(
            _text(part.get("text")) if isinstance(part, Mapping) else _text(part) for part in content
        )
    return content if isinstance(content, str) else ""
