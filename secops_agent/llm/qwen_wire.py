"""DashScope's wire format: our messages out, streamed fragments in. Endpoint differences live here only.

Source: the message format of text-generation and multimodal-generation with result_format "message" and
incremental_output true; fragments of one tool call share an ``index``, later ones lack id and name.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

from secops_agent.llm.types import (
    Completion,
    Delta,
    FinishReason,
    Message,
    Request,
    ToolCall,
    ToolSpec,
    Usage,
)

Endpoint = Literal["text", "multimodal"]
_FINISHES: dict[str, FinishReason] = {"stop": "stop", "length": "length", "tool_calls": "tool_calls"}


def parameters(request: Request, endpoint: Endpoint, enable_thinking: bool) -> dict[str, Any]:
    """The keyword arguments of the SDK's ``call`` that describe ``request``."""
    found: dict[str, Any] = {
        "messages": [_message(message, endpoint) for message in request.messages],
        "stream": True,
        "incremental_output": True,
        "result_format": "message",
        "enable_thinking": enable_thinking,
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
    }
    if request.tools:
        found["tools"] = [_tool(spec) for spec in request.tools]
        found["tool_choice"] = request.tool_choice
        found["parallel_tool_calls"] = True
    return found


def _tool(spec: ToolSpec) -> dict[str, Any]:
    function = {"name": spec.name, "description": spec.description, "parameters": dict(spec.parameters)}
    return {"type": "function", "function": function}


def _message(message: Message, endpoint: Endpoint) -> dict[str, Any]:
    content: Any = _encodable(message.content)
    if endpoint == "multimodal" and message.role != "tool":
        content = [{"text": content}] if content else []
    found: dict[str, Any] = {"role": message.role, "content": content}
    if message.tool_calls:
        found["tool_calls"] = [_call(index, call) for index, call in enumerate(message.tool_calls)]
    if message.role == "tool":
        found |= {"tool_call_id": message.tool_call_id, "name": message.name}
    return found


def _call(index: int, call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": _valid_arguments(call.arguments)}
    return {"index": index, "id": call.id, "type": "function", "function": function}


def _valid_arguments(arguments: str) -> str:
    """DashScope answers 400 to a history whose arguments are not JSON, although the model wrote them."""
    try:
        return _encodable(arguments) if isinstance(json.loads(arguments), dict) else "{}"
    except ValueError:
        return "{}"


def _encodable(text: str) -> str:
    """Lone surrogates (from a broken client) would fail in the SDK's encode."""
    return text.encode("utf-8", "replace").decode("utf-8")


@dataclass(slots=True)
class _Fragments:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Merge:
    """Collects the fragments of one streamed answer."""

    _content: list[str] = field(default_factory=list)
    _calls: dict[int, _Fragments] = field(default_factory=dict)
    _finish: str = ""
    _usage: Usage = field(default_factory=Usage)
    _request_id: str = ""

    @property
    def finished(self) -> bool:
        """Whether the service said that the answer is complete."""
        return bool(self._finish)

    @property
    def refused(self) -> bool:
        """Whether the answer was ended by the content filter without an error event."""
        return self._finish.lower() in ("content_filter", "data_inspection_failed")

    def add(self, chunk: Mapping[str, Any]) -> Delta | None:
        """Take one event of the stream; returns what is new to show, if anything."""
        self._request_id = chunk.get("request_id") or self._request_id
        self._count(chunk.get("usage") or {})
        choices = (chunk.get("output") or {}).get("choices") or []
        if not choices:
            return None
        finish = choices[0].get("finish_reason")
        if finish and finish != "null":
            self._finish = str(finish)
        return self._take(choices[0].get("message") or {})

    def _take(self, message: Mapping[str, Any]) -> Delta | None:
        for fragment in message.get("tool_calls") or []:
            self._take_call(fragment)
        content, reasoning = _text(message.get("content")), _text(message.get("reasoning_content"))
        if content:
            self._content.append(content)
        return Delta(content, reasoning) if content or reasoning else None

    def _take_call(self, fragment: Mapping[str, Any]) -> None:
        index = fragment.get("index")
        if index is None:
            index = len(self._calls) - (0 if fragment.get("id") or not self._calls else 1)
        call = self._calls.setdefault(int(index), _Fragments())
        function = fragment.get("function") or {}
        call.id = call.id or fragment.get("id") or ""
        call.name = call.name or function.get("name") or ""
        call.arguments.append(function.get("arguments") or "")

    def _count(self, usage: Mapping[str, Any]) -> None:
        """Usage is cumulative in each event: the last one counts."""
        if usage:
            details = usage.get("prompt_tokens_details") or {}
            numbers = (usage.get("input_tokens"), usage.get("output_tokens"), details.get("cached_tokens"))
            self._usage = Usage(*(int(number or 0) for number in numbers))

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
        return Completion(message, finish, self._usage, model, self._request_id)


def _text(content: Any) -> str:
    """Text of a ``content``: a string on the text endpoint, a list of parts on the multimodal one."""
    if isinstance(content, list):
        return "".join(
            _text(part.get("text")) if isinstance(part, Mapping) else _text(part) for part in content
        )
    return content if isinstance(content, str) else ""
