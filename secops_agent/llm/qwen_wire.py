"""DashScope's wire format: our messages out, streamed fragments in. Endpoint differences live here only.

Source: the message format of text-generation and multimodal-generation with result_format "message" and
incremental_output true; fragments of one tool call share an ``index``, later ones lack id and name.
"""

from collections.abc import Mapping
from typing import Any, Literal

from secops_agent.llm.types import Delta, Message, Request, Usage
from secops_agent.llm.wire import Merge, call_of, encodable, tool_of

Endpoint = Literal["text", "multimodal"]


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
        found["tools"] = [tool_of(spec) for spec in request.tools]
        found["tool_choice"] = request.tool_choice
        found["parallel_tool_calls"] = True
    return found


def _message(message: Message, endpoint: Endpoint) -> dict[str, Any]:
    content: Any = encodable(message.content)
    if endpoint == "multimodal" and message.role != "tool":
        content = [{"text": content}] if content else []
    found: dict[str, Any] = {"role": message.role, "content": content}
    if message.tool_calls:
        found["tool_calls"] = [call_of(index, call) for index, call in enumerate(message.tool_calls)]
    if message.role == "tool":
        found |= {"tool_call_id": message.tool_call_id, "name": message.name}
    return found


def take(merge: Merge, event: Mapping[str, Any]) -> Delta | None:
    """Merge one event of the stream; returns what is new to show, if anything. Usage is cumulative in each event."""
    merge.request_id = event.get("request_id") or merge.request_id
    usage = event.get("usage") or {}
    if usage:
        details = usage.get("prompt_tokens_details") or {}
        numbers = (usage.get("input_tokens"), usage.get("output_tokens"), details.get("cached_tokens"))
        merge.usage = Usage(*(int(number or 0) for number in numbers))
    choices = (event.get("output") or {}).get("choices") or []
    return merge.take(choices[0].get("message") or {}, choices[0].get("finish_reason")) if choices else None
