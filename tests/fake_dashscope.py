"""A local DashScope: both generation endpoints and apps over real HTTP, with exact SSE framing and every fault.

    async with FakeDashScope() as fake:
        fake.script(Calls(("list_alerts", {"limit": 5})), Say("没有告警。"))
        Qwen(QwenSettings(..., base_url=fake.base_url))

By hand, for benches: ``python -m tests.fake_dashscope --port 8920 --delay 2``.
"""

import argparse
import asyncio
import json
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from tests.deadline import eventually

GENERATION = "/api/v1/services/aigc/{task}/generation"
MULTIMODAL_PREFIXES = ("qwen-vl", "qwen3-vl", "qvq", "qwen3.5", "qwen3.6-plus", "qwen3.6-flash", "qwen3.7-plus",
                       "qwen3.7-flash", "qwen3.8-max", "qwen3.8-flash", "qwen3.8-27b")  # fmt: skip


PIECE = 7


@dataclass(frozen=True)
class Say:
    """A text answer, reasoning first; ``usage`` is input, output, cached tokens.

    It comes in pieces of `PIECE` characters, or in so many ``pieces``, and a last event without text.
    """

    text: str
    reasoning: str = ""
    finish: str = "stop"
    usage: tuple[int, int, int] = (212, 21, 0)
    pieces: int = 0


@dataclass(frozen=True)
class Calls:
    """Tool calls (name, arguments as an object or as raw text), streamed in fragments."""

    calls: tuple[tuple[str, Any], ...]
    text: str = ""
    usage: tuple[int, int, int] = (212, 21, 0)

    def __init__(self, *calls: tuple[str, Any], text: str = "") -> None:
        object.__setattr__(self, "calls", calls)
        object.__setattr__(self, "text", text)


@dataclass(frozen=True)
class Fail:
    """An HTTP error with DashScope's JSON body."""

    status: int
    code: str
    message: str = "failed"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """Any other answer: a proxy's HTML, broken JSON, a redirect."""

    status: int
    body: str
    content_type: str = "text/html"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Broken:
    """A stream that starts with ``text`` and then goes wrong: cut, stall, end (without finish), error, garbage."""

    how: str
    text: str = "半句"
    code: str = "InternalError"
    message: str = "broken"


@dataclass(frozen=True)
class Raw:
    """Events sent as they are: the objects of ``data:`` lines."""

    events: tuple[Any, ...]


Reply = Say | Calls | Fail | Page | Broken | Raw
Answer = Callable[[dict[str, Any]], Reply]


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


def echo(body: dict[str, Any]) -> Reply:
    """Answer with the last user message."""
    users = [message for message in body["input"].get("messages", []) if message["role"] == "user"]
    return Say(f"收到：{text_of(users[-1]['content']) if users else ''}")


def answer_in_four(body: dict[str, Any]) -> Reply:
    """The benches' model: four events, whatever is asked."""
    return Say("收到，这条消息我已经看过了。", pieces=3)


def text_of(content: Any) -> str:
    """The text of a message, a string or a list of parts."""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


class FakeDashScope:
    """The server. ``api_keys`` None accepts any key; ``delay`` seconds pass before each answer, which waits until
    ``together`` requests are there and, if there is one, until ``release`` is set."""

    def __init__(
        self,
        *,
        answer: Answer = echo,
        delay: float = 0.0,
        together: int = 1,
        release: threading.Event | None = None,
        api_keys: set[str] | None = None,
        port: int = 0,
    ) -> None:
        self.answer, self.delay, self.api_keys, self.port = answer, delay, api_keys, port
        self._gathering, self._release = asyncio.Barrier(together), release
        self.seen: list[Seen] = []
        self.peak = self.open = self.abandoned = 0
        self._script: deque[Reply] = deque()

    def script(self, *replies: Reply) -> None:
        """Give these answers first, in this order."""
        self._script.extend(replies)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=16 << 20)
        for task in ("text-generation", "multimodal-generation"):
            app.router.add_post(GENERATION.format(task=task), self._generate)
        app.router.add_post("/api/v1/apps/{app_id}/completion", self._complete_app)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, backlog=1024).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1"

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.seen.append(Seen(request.path, dict(request.headers), body))
        self.open += 1
        self.peak = max(self.peak, self.open)
        try:
            refusal = self._refusal(request, body)
            await asyncio.sleep(self.delay)
            await self._gathering.wait()
            if self._release is not None:
                await eventually(self._release.is_set, within=600)
            reply = refusal or (self._script.popleft() if self._script else self.answer(body))
            return await _send(request, reply, body)
        except (asyncio.CancelledError, ConnectionResetError):
            self.abandoned += 1
            raise
        finally:
            self.open -= 1

    def _refusal(self, request: web.Request, body: dict[str, Any]) -> Fail | None:
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.api_keys is not None and key not in self.api_keys:
            return Fail(401, "InvalidApiKey", f"Invalid API-key provided: {key}")
        if body["model"].startswith(MULTIMODAL_PREFIXES) != ("multimodal" in request.path):
            return Fail(400, "InvalidParameter", "url error, please check url！")
        if body["parameters"].get("enable_thinking") and not _wants_stream(request):
            text = "parameter.enable_thinking must be set to false for non-streaming calls"
            return Fail(400, "InvalidParameter", text)
        return None

    async def _complete_app(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.seen.append(Seen(request.path, dict(request.headers), body))
        output = {
            "text": f"收到：{body['input'].get('prompt', '')}",
            "finish_reason": "stop",
            "session_id": "s1",
        }
        usage = {"models": [{"model_id": "qwen-plus", "input_tokens": 3, "output_tokens": 4}]}
        return web.json_response({"output": output, "usage": usage, "request_id": "fake-app"})


def _wants_stream(request: web.Request) -> bool:
    return request.headers.get("X-DashScope-SSE") == "enable"


async def _send(request: web.Request, reply: Reply, body: dict[str, Any]) -> web.StreamResponse:
    if isinstance(reply, Fail):
        error = {"code": reply.code, "message": reply.message, "request_id": "fake-error"}
        return web.json_response(error, status=reply.status, headers=reply.headers)
    if isinstance(reply, Page):
        kind = reply.content_type
        return web.Response(status=reply.status, text=reply.body, content_type=kind, headers=reply.headers)
    lists = "multimodal" in request.path
    if not _wants_stream(request):
        return web.json_response(_whole(reply, lists))
    return await _stream(request, reply, lists)


async def _stream(request: web.Request, reply: Reply, lists: bool) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream;charset=UTF-8"})
    await response.prepare(request)
    number = 0
    async for event in _framed(_events(reply, lists), pause=isinstance(reply, Say)):
        number += 1
        await response.write(f"id:{number}\nevent:result\n:HTTP_STATUS/200\ndata:{event}\n\n".encode())
    if isinstance(reply, Broken):
        await _break(request, response, reply)
    return response


async def _framed(events: Iterator[Any], *, pause: bool) -> AsyncIterator[str]:
    for event in events:
        yield json.dumps(event, ensure_ascii=False)
        if pause:
            await asyncio.sleep(0)


async def _break(request: web.Request, response: web.StreamResponse, reply: Broken) -> None:
    if reply.how == "error":
        error = json.dumps({"code": reply.code, "message": reply.message, "request_id": "fake-error"})
        await response.write(f"id:9\nevent:error\n:HTTP_STATUS/500\ndata:{error}\n\n".encode())
    elif reply.how == "garbage":
        await response.write(b'id:9\nevent:result\ndata:{"output": {"choi\n\n')
    elif reply.how == "stall":
        while True:  # heartbeats only: the connection looks alive and says nothing
            await asyncio.sleep(0.05)
            await response.write(b":heartbeat\n\n")
    elif reply.how == "cut" and request.transport is not None:
        request.transport.abort()


def _events(reply: Reply, lists: bool) -> Iterator[Any]:
    if isinstance(reply, Raw):
        yield from reply.events
    elif isinstance(reply, Broken):
        yield _event({"content": reply.text}, "null", (10, 1, 0), lists)
    elif isinstance(reply, Calls):
        yield from _call_events(reply, lists)
    elif isinstance(reply, Say):
        for piece in _pieces(reply.reasoning):
            yield _event({"content": "", "reasoning_content": piece}, "null", (reply.usage[0], 1, 0), lists)
        for piece in _pieces(reply.text, -(-len(reply.text) // reply.pieces) if reply.pieces else PIECE):
            yield _event({"content": piece}, "null", (reply.usage[0], 2, 0), lists)
        yield _event({"content": ""}, reply.finish, reply.usage, lists)


def _call_events(reply: Calls, lists: bool) -> Iterator[Any]:
    """First fragments carry id and name; later ones an empty id, no name, and a piece of the arguments."""
    if reply.text:
        yield _event({"content": reply.text}, "null", reply.usage, lists)
    for index, (name, arguments) in enumerate(reply.calls):
        start = {"name": name, "arguments": ""}
        yield _event(_fragment(index, f"call_{index + 1}", start), "null", reply.usage, lists)
        for piece in _pieces(_raw_arguments(arguments)):
            yield _event(_fragment(index, "", {"arguments": piece}), "null", reply.usage, lists)
    yield _event({"content": ""}, "tool_calls", reply.usage, lists)


def _raw_arguments(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _fragment(index: int, call_id: str, function: dict[str, str]) -> dict[str, Any]:
    return {
        "content": "",
        "tool_calls": [{"index": index, "id": call_id, "type": "function", "function": function}],
    }


def _pieces(text: str, size: int = PIECE) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def _event(message: dict[str, Any], finish: str, usage: tuple[int, int, int], lists: bool) -> dict[str, Any]:
    if lists:
        message = message | {"content": [{"text": message["content"]}] if message["content"] else []}
    choice = {"message": {"role": "assistant"} | message, "finish_reason": finish}
    spent: dict[str, Any] = {
        "input_tokens": usage[0],
        "output_tokens": usage[1],
        "total_tokens": sum(usage[:2]),
    }
    spent["prompt_tokens_details"] = {"cached_tokens": usage[2]}
    return {"output": {"choices": [choice]}, "usage": spent, "request_id": "fake-request"}


def _whole(reply: Reply, lists: bool) -> dict[str, Any]:
    """The answer to a call without SSE."""
    if isinstance(reply, Calls):
        calls = [
            {"index": n, "id": f"call_{n + 1}", "type": "function",
             "function": {"name": name, "arguments": _raw_arguments(arguments)}}
            for n, (name, arguments) in enumerate(reply.calls)
        ]  # fmt: skip
        return _event({"content": reply.text, "tool_calls": calls}, "tool_calls", reply.usage, lists)
    text = getattr(reply, "text", "")
    return _event(
        {"content": text}, getattr(reply, "finish", "stop"), getattr(reply, "usage", (1, 1, 0)), lists
    )


async def _serve(port: int, delay: float) -> None:
    async with FakeDashScope(port=port, delay=delay, answer=answer_in_four) as fake:
        print(fake.base_url, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Serve until interrupted; the first line printed is the base URL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    chosen = parser.parse_args()
    try:
        asyncio.run(_serve(chosen.port, chosen.delay))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
