"""OpenAI's chat completions on the wire: our messages out, streamed fragments in.

``tools``: "native" sends the tools as the wire wants them; "json" describes them in words, and the calls and results
of the dialogue with them, for servers and models that know no tools; "none" sends no tools, and results as text.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, Literal

from secops_agent.llm.types import Delta, Message, Request, Usage
from secops_agent.llm.wire import Merge, call_of, encodable, tool_of

ToolMode = Literal["native", "json", "none"]
_OPEN, _CLOSE = "<think>", "</think>"
_IN_WORDS: Final = """可以使用下面的工具。要用工具时，整个回答只写一个 JSON 对象，不写别的：
{{"tool": "工具名", "arguments": {{参数}}}}
拿到工具结果以后，或者不需要工具时，用中文直接回答，不写 JSON。
工具（参数是 JSON Schema）：
{tools}"""


def body(request: Request, model: str, tools: ToolMode, thinking: bool | None, most: int) -> dict[str, Any]:
    """The request as JSON. ``thinking`` None leaves it to the server; ``most``: tokens of an answer, at most."""
    found: dict[str, Any] = {
        "model": model,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": request.temperature,
        "max_tokens": min(request.max_tokens, most),
    }
    if thinking is not None:
        found["chat_template_kwargs"] = {"enable_thinking": thinking}
    if tools == "json":
        return found | {"messages": _in_words(request)}
    if tools == "none":
        return found | {"messages": _without_calls(request.messages)}
    if request.tools:
        found |= {"tools": [tool_of(spec) for spec in request.tools], "tool_choice": request.tool_choice}
    return found | {"messages": [_message(message) for message in request.messages]}


def _message(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = {"role": message.role, "content": encodable(message.content)}
    if message.tool_calls:
        found["tool_calls"] = [call_of(index, call) for index, call in enumerate(message.tool_calls)]
    if message.role == "tool":
        found["tool_call_id"] = message.tool_call_id
    return found


def _in_words(request: Request) -> list[dict[str, Any]]:
    told = [_told(message) for message in request.messages]
    if not request.tools:
        return told
    lines = (
        f"- {spec.name}：{spec.description} 参数：{json.dumps(spec.parameters, ensure_ascii=False)}"
        for spec in request.tools
    )
    tools = _IN_WORDS.format(tools="\n".join(lines))  # first: the beginning that stays the same is cached
    if told and told[0]["role"] == "system":
        return [{"role": "system", "content": f"{tools}\n\n{told[0]['content']}"}, *told[1:]]
    return [{"role": "system", "content": tools}, *told]


def _without_calls(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    """Results as what a user says; one speaker at a time, since some servers want them by turns."""
    told: list[dict[str, Any]] = []
    for message in messages:
        one = _told(message._replace(tool_calls=()))
        if one["content"] and told and told[-1]["role"] == one["role"]:
            told[-1] = {**one, "content": f"{told[-1]['content']}\n\n{one['content']}"}
        elif one["content"]:
            told.append(one)
    return told


def _told(message: Message) -> dict[str, Any]:
    content = encodable(message.content)
    if message.role == "tool":
        return {"role": "user", "content": f"工具 {message.name} 的结果：\n{content}"}
    written = [_written(call.name, call.arguments) for call in message.tool_calls]
    return {"role": message.role, "content": "\n".join([*([content] if content else []), *written])}


def _written(name: str, arguments: str) -> str:
    try:
        given = json.loads(arguments)
    except ValueError:
        given = {}
    return encodable(json.dumps({"tool": name, "arguments": given}, ensure_ascii=False))


def take(merge: Merge, thoughts: "Thoughts", event: Mapping[str, Any]) -> Delta | None:
    """Merge one event, or a whole answer of a server that does not stream; returns what is new to show."""
    merge.request_id = str(event.get("id") or "") or merge.request_id
    usage = event.get("usage") or {}
    if usage:
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
        numbers = (usage.get("prompt_tokens"), usage.get("completion_tokens"), cached)
        merge.usage = Usage(*(int(number or 0) for number in numbers))
    choices = event.get("choices") or []
    if not choices:
        return None
    message = choices[0].get("delta") or choices[0].get("message") or {}
    return merge.take(thoughts.apart(message), choices[0].get("finish_reason"))


class Thoughts:
    """Takes what stands between think marks at the beginning of a text out of it: not every server does."""

    def __init__(self) -> None:
        self._held, self._state = "", "start"

    def apart(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        """The fragment with its thoughts as ``reasoning``."""
        content = message.get("content")
        if not isinstance(content, str) or not content:
            return message
        said, thought = self._split(content)
        reasoning = f"{message.get('reasoning_content') or message.get('reasoning') or ''}{thought}"
        return {**message, "content": said, "reasoning_content": reasoning}

    def rest(self) -> dict[str, str]:
        """What was held back when the stream ended."""
        return {"content": self._held} if self._state == "start" else {}

    def _split(self, piece: str) -> tuple[str, str]:
        self._held += piece
        if self._state == "start":
            text = self._held.lstrip()
            if text.startswith(_OPEN):
                self._state, self._held = "thinking", text[len(_OPEN) :]
            elif _OPEN.startswith(text):
                return "", ""
            else:
                self._state = "said"
        thought = ""
        if self._state == "thinking":
            thought, close, rest = self._held.partition(_CLOSE)
            if not close:
                keep = len(_CLOSE) - 1
                thought, self._held = self._held[:-keep], self._held[-keep:]
                return "", thought
            self._state, self._held = "said", rest.lstrip()
        said, self._held = self._held, ""
        return said, thought
