"""A self-hosted model behind OpenAI's wire: vLLM, SGLang, Ollama, llama.cpp, LM Studio, an appliance, a gateway.

A thin client on the house's own HTTP: a model's SDK costs more to load than everything else together.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from bifang.core.errors import BadCredentials, BifangError, ConfigError, RemoteError
from bifang.core.outbound.http import HttpClient
from bifang.core.outbound.streaming import StreamedResponse
from secops_agent.llm.errors import cut_error, seconds_of, timeout_error
from secops_agent.llm.openai_errors import OPENAI_ERRORS
from secops_agent.llm.types import Completion, Delta, Message, ModelSettings, OnDelta, Request, Terms, Usage
from secops_agent.llm.waiting import WaitingLine
from secops_agent.llm.wire import Merge, call_of, encodable, tool_of
from secops_agent.llm.written_calls import looks_written, read_calls

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


_OK = 200
_BEARER: Final = "authorization"
_CLOSED_THOUGHT = "</think>"
_CALL_MARKS = ("```json", "<tool_call>")
_clients: dict[str, HttpClient] = {}


@dataclass(frozen=True, slots=True)
class OpenAISettings(ModelSettings):
    """One configuration of a self-hosted model; ``base_url`` ends before ``/chat/completions``.

    ``key_header`` carries the key: as a bearer in Authorization, else as it is. ``ca``: PEM of the authority to
    believe, "" the system's. ``context_window`` and ``max_tokens`` are tokens: of everything, and of an answer.
    ``concurrency``: requests at a time, 0 without limit. ``thinking`` None: the server's own way. ``turn_seconds``:
    how long a turn may take.
    """

    key_header: str = "Authorization"
    ca: str = ""
    context_window: int = 32768
    max_tokens: int = 2000
    concurrency: int = 4
    tool_calls: ToolMode = "native"
    thinking: bool | None = None
    turn_seconds: float = 90.0

    @property
    def headers(self) -> dict[str, str]:
        """What authenticates us. A connection serves once: small servers close idle ones just as we take them again."""
        closing = {"Connection": "close"}
        if not self.api_key:
            return closing
        bearer = self.key_header.lower() == _BEARER
        return {**closing, self.key_header: f"Bearer {self.api_key}" if bearer else self.api_key}


class OpenAI:
    """The LLM port over OpenAI's wire. One per event loop: it holds the line of those who wait."""

    offline = False

    def __init__(self, settings: OpenAISettings) -> None:
        self.settings = settings
        self.name = settings.name
        room = settings.context_window - settings.max_tokens
        calls = settings.tool_calls != "none"
        self.terms = Terms(settings.config_id, max(room, 1), settings.turn_seconds, calls)
        self._line = WaitingLine(settings.name, settings.concurrency)

    async def complete(self, request: Request, on_delta: OnDelta | None = None) -> Completion:
        """Run one streamed completion; see the port for the errors, and `WaitingLine` for "queue"."""
        settings = self.settings
        _check(settings)
        try:
            async with asyncio.timeout(request.timeout), self._line.place(settings.first_timeout, on_delta):
                return await self._complete(request, on_delta)
        except TimeoutError:
            late = timeout_error(f"{self.name}在 {request.timeout:g} 秒内没有答完")
        raise late

    async def _complete(self, request: Request, on_delta: OnDelta | None) -> Completion:
        merge = Merge()
        try:
            async with asyncio.timeout(self.settings.first_timeout) as patience:
                await self._read(request, merge, patience, on_delta)
        except TimeoutError:
            raise timeout_error(f"{self.name}没有及时回应") from None
        except (AttributeError, TypeError, ValueError, LookupError, RecursionError) as error:
            said = f"{self.name}返回了无法识别的内容（{type(error).__name__}），请检查接口地址。"
            raise RemoteError(said, permanent=False, code="bad_response") from None
        if merge.refused:
            raise self._error(400, "content_filter", "")
        if not merge.finished:
            raise cut_error(self.name)
        return self._finished(merge, request)

    async def _read(
        self, request: Request, merge: Merge, patience: asyncio.Timeout, on_delta: OnDelta | None
    ) -> None:
        settings, clock = self.settings, asyncio.get_running_loop()
        thoughts, show = Thoughts(), _Shown(on_delta)
        wanted = body(request, settings.model, settings.tool_calls, settings.thinking, settings.max_tokens)
        async with client(settings).stream(
            f"{settings.base_url}/chat/completions", json=wanted, headers=settings.headers, proxy=settings.proxy
        ) as answer:  # fmt: skip
            await self._check_answer(answer)
            async with aclosing(_events(answer, merge)) as events:
                async for event in events:
                    patience.reschedule(clock.time() + settings.stall_timeout)
                    self._check_event(event)
                    show.take(take(merge, thoughts, event))
        show.take(merge.take(thoughts.rest(), None))

    async def _check_answer(self, answer: StreamedResponse) -> None:
        if answer.status != _OK:
            code, text = error_of(await answer.read())
            raise self._error(answer.status, code, text, answer.headers.get("Retry-After", ""))

    def _check_event(self, event: Mapping[str, Any]) -> None:
        """Errors come inside of a stream, too, under status 200."""
        if event.get("error") or event.get("object") == "error":
            code, text = error_in(event)
            status = event.get("code") or (event.get("error") or {}).get("code")  # vLLM's is the status
            raise self._error(status if isinstance(status, int) else 0, code, text)

    def _error(self, status: int, code: str, text: str, retry_after: str = "") -> BifangError:
        settings = self.settings
        return OPENAI_ERRORS.error(
            settings.model, settings.api_key, status, code, text, seconds_of(retry_after)
        )

    def _finished(self, merge: Merge, request: Request) -> Completion:
        completion = merge.completion(f"{self.name}/{self.settings.model}")
        message = completion.message
        if _CLOSED_THOUGHT in message.content:  # begun in the server's template: only its end was written
            said = message.content.rpartition(_CLOSED_THOUGHT)[2].lstrip()
            completion = replace(completion, message=message._replace(content=said))
        return self._with_calls(completion, request)

    def _with_calls(self, completion: Completion, request: Request) -> Completion:
        """Asked for calls in words, the model writes them."""
        message = completion.message
        if self.settings.tool_calls != "json" or message.tool_calls or request.tool_choice == "none":
            return completion
        calls = read_calls(message.content, {spec.name for spec in request.tools})
        if not calls:
            return completion
        called = message._replace(content="", tool_calls=calls)
        return replace(completion, message=called, finish_reason="tool_calls")


class _Shown:
    """Passes on what may be seen; what may become a call is held back."""

    def __init__(self, on_delta: OnDelta | None) -> None:
        self._on_delta, self._text = on_delta, ""

    def take(self, delta: Delta | None) -> None:
        """A fragment, or none."""
        if delta is None or self._on_delta is None:
            return
        self._text += delta.content
        begun = any(mark.startswith(self._text.strip()) for mark in _CALL_MARKS)
        if not begun and not looks_written(self._text):
            self._on_delta(delta)


async def _events(answer: StreamedResponse, merge: Merge) -> AsyncGenerator[Mapping[str, Any], None]:
    """The events of a stream, or the one answer of a server that does not stream."""
    if not answer.is_events:
        whole = _object(await answer.read(4 * 1024 * 1024))
        if whole is None:
            raise OPENAI_ERRORS.error("", "", answer.status, "Unknown", "")
        yield whole
        return
    async for data in answer.events():
        if data.strip() == "[DONE]":
            merge.finish(None if merge.finished else "stop")
            return
        event = _object(data)
        if event is None:
            raise ValueError("no JSON object")
        yield event


def _object(text: str | bytes) -> Mapping[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def error_of(answer: bytes) -> tuple[str, str]:
    """Code and text of the body of an error; "Unknown" if it is no JSON, which no such server sends."""
    found = _object(answer)
    return error_in(found) if found is not None else ("Unknown", "")


def error_in(found: Mapping[str, Any]) -> tuple[str, str]:
    """Code and text: ``{"error": {…}}``, ``{"error": "…"}``, or all on the top level, as older vLLMs have it."""
    error = found.get("error") or found
    if not isinstance(error, Mapping):
        return "", str(error)
    text = error.get("message") or error.get("detail") or ""
    code = error.get("code") if isinstance(error.get("code"), str) else error.get("type")
    return str(code or ""), text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)


def _check(settings: OpenAISettings) -> None:
    if not settings.model:
        raise ConfigError(
            f"配置「{settings.name}」还没有选择模型：请在它的页面按「测试」，从列出的模型中选择。"
        )
    if not settings.api_key.isascii() or not settings.api_key.isprintable():
        raise BadCredentials("凭证错误：API Key 里有换行或非英文字符。请在管理后台「系统配置」里重新粘贴。")


def client(settings: OpenAISettings) -> HttpClient:
    """The one HTTP client for each authority."""
    return _clients.setdefault(settings.ca, HttpClient(pool=0, ca=settings.ca))


async def close_clients() -> None:
    """Close this event loop's connections; call before the loop ends."""
    for each in _clients.values():
        await each.close()
