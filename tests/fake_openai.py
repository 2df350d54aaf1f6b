"""A local server that speaks OpenAI's wire as vLLM or as Ollama does: their stream shapes, their error texts.

    async with FakeOpenAI("vllm", tools=False) as fake:
        OpenAI(OpenAISettings(..., base_url=fake.base_url))

What is scripted are the replies of `tests.fake_dashscope`.
"""

import asyncio
import json
import ssl
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Literal, Self

from aiohttp import web

from tests.fake_dashscope import Broken, Calls, Fail, Page, Raw, Reply, Say, Seen

PIECE = 5
NO_FLAG = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
TOO_LONG = (
    "This model's maximum context length is {limit} tokens. However, you requested {asked} tokens ({given} in the "
    "messages, {answer} in the completion). Please reduce the length of the messages or completion."
)
CODE = "7391"


def obedient(body: dict[str, Any]) -> Reply:
    """Calls the first tool once, with nothing; then says what it gave."""
    found = [one["content"] for one in body["messages"] if one["role"] == "tool"]
    if found or not body.get("tools"):
        return Say(f"结果是：{found[-1] if found else '没有工具'}")
    return Calls((body["tools"][0]["function"]["name"], {}))


class FakeOpenAI:
    """The server. ``window`` tokens, reckoned as one a character; ``tools`` False: started without the flag, or a
    model without tools. ``busy`` places: more at a time are turned away, as Ollama does."""

    def __init__(
        self, flavour: Literal["vllm", "ollama"] = "vllm", *, answer: Callable[[dict[str, Any]], Reply] = obedient,
        tools: bool = True, window: int = 1_000_000, api_key: str = "", delay: float = 0.0, places: int = 1000,
        models: tuple[str, ...] = ("qwen3-32b",), tls: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        self.flavour, self.answer, self.tools, self.window = flavour, answer, tools, window
        self.api_key, self.delay, self.places, self.models, self.tls = api_key, delay, places, models, tls
        self.seen: list[Seen] = []
        self.open = self.peak = 0
        self._script: deque[Reply] = deque()

    def script(self, *replies: Reply) -> None:
        """Give these answers first, in this order."""
        self._script.extend(replies)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=16 << 20)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._list)
        if self.flavour == "ollama":
            app.router.add_get("/api/version", self._tell_version)
            app.router.add_get("/api/ps", self._tell_loaded)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.tls).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def base_url(self) -> str:
        return f"https://localhost:{self.port}/v1" if self.tls else f"http://127.0.0.1:{self.port}/v1"

    async def _list(self, request: web.Request) -> web.Response:
        if refusal := self._refuse_key(request):
            return refusal
        more = (
            {"max_model_len": self.window, "owned_by": "vllm"}
            if self.flavour == "vllm"
            else {"owned_by": "library"}
        )
        data = [{"id": name, "object": "model", "created": 1} | more for name in self.models]
        return web.json_response({"object": "list", "data": data})

    async def _tell_version(self, request: web.Request) -> web.Response:
        return web.json_response({"version": "0.17.7"})

    async def _tell_loaded(self, request: web.Request) -> web.Response:
        loaded = [{"name": name, "model": name, "context_length": self.window} for name in self.models]
        return web.json_response({"models": loaded})

    def _refuse_key(self, request: web.Request) -> web.Response | None:
        if not self.api_key or request.headers.get("Authorization") == f"Bearer {self.api_key}":
            return None
        return web.json_response({"error": "Unauthorized"}, status=401)

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.seen.append(Seen(request.path, dict(request.headers), body))
        self.open += 1
        self.peak = max(self.peak, self.open)
        try:
            refusal = self._refuse_key(request) or self._refuse(body)
            if refusal is not None:
                return refusal
            await asyncio.sleep(self.delay)
            reply = self._script.popleft() if self._script else self.answer(body)
            return await self._send(request, reply, body)
        finally:
            self.open -= 1

    def _refuse(self, body: dict[str, Any]) -> web.Response | None:
        vllm, given = self.flavour == "vllm", sum(len(one.get("content") or "") for one in body["messages"])
        asked = given + body["max_tokens"]
        if self.open > self.places:
            return _error(
                503, "server busy, please try again.  maximum pending requests exceeded", "api_error"
            )
        if body["model"] not in self.models:
            text = (
                f"The model `{body['model']}` does not exist."
                if vllm
                else f'model "{body["model"]}" not found'
            )
            return _error(404, text, "NotFoundError" if vllm else "not_found_error", 404 if vllm else None)
        if body.get("tools") and not self.tools:
            if vllm:
                return _error(400, NO_FLAG, "BadRequestError", 400)
            return _error(
                400, f"registry.ollama.ai/library/{body['model']} does not support tools", "api_error"
            )
        if vllm and asked > self.window:
            text = TOO_LONG.format(limit=self.window, asked=asked, given=given, answer=body["max_tokens"])
            return _error(400, text, "BadRequestError", 400)
        return None

    async def _send(self, request: web.Request, reply: Reply, body: dict[str, Any]) -> web.StreamResponse:
        if isinstance(reply, Fail):
            answer = _error(reply.status, reply.message, reply.code, reply.status)
            answer.headers.update(reply.headers)
            return answer
        if isinstance(reply, Page):
            return web.Response(
                status=reply.status, text=reply.body, content_type=reply.content_type, headers=reply.headers
            )
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        await response.write(b": keep-alive\n\n")
        for event in self._events(reply, body["model"]):
            await response.write(f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode())
        if isinstance(reply, Broken):
            await _break(request, response, reply)
        elif not isinstance(reply, Raw):
            await response.write(b"data: [DONE]\n\n")
        return response

    def _events(self, reply: Reply, model: str) -> Iterator[Any]:
        if isinstance(reply, Raw):
            yield from reply.events
            return
        yield _event(model, {"role": "assistant", "content": ""})
        if isinstance(reply, Broken):
            yield _event(model, {"content": reply.text})
        elif isinstance(reply, Calls):
            for delta in self._call_deltas(reply):
                yield _event(model, delta)
            yield _event(model, {"content": ""}, "tool_calls")
            yield _usage(model, reply.usage)
        elif isinstance(reply, Say):
            thinks = "reasoning_content" if self.flavour == "vllm" else "reasoning"
            for piece in _pieces(reply.reasoning):
                yield _event(model, {thinks: piece})
            for piece in _pieces(reply.text):
                yield _event(model, {"content": piece})
            yield _event(model, {"content": ""}, reply.finish)
            yield _usage(model, reply.usage)

    def _call_deltas(self, reply: Calls) -> Iterator[dict[str, Any]]:
        """vLLM: the name, then the arguments in pieces without id; Ollama: each call whole, and all numbered 0."""
        if reply.text:
            yield {"content": reply.text}
        for index, (name, arguments) in enumerate(reply.calls):
            raw = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
            call = {"id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": raw}}
            if self.flavour == "ollama":
                yield {"role": "assistant", "content": "", "tool_calls": [{"index": 0} | call]}
                continue
            yield {"tool_calls": [{"index": index} | call | {"function": {"name": name}}]}
            for piece in _pieces(raw):
                yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _error(status: int, message: str, kind: str, code: Any = None) -> web.Response:
    error = {"message": message, "type": kind, "param": None, "code": code}
    return web.json_response({"error": error}, status=status)


async def _break(request: web.Request, response: web.StreamResponse, reply: Broken) -> None:
    if reply.how == "error":
        error = {"error": {"message": reply.message, "type": reply.code, "param": None, "code": 500}}
        await response.write(f"data: {json.dumps(error)}\n\ndata: [DONE]\n\n".encode())
    elif reply.how == "garbage":
        await response.write(b'data: {"choices": [\n\n')
    elif reply.how == "stall":
        while True:  # comments only: the connection looks alive and says nothing
            await asyncio.sleep(0.05)
            await response.write(b": keep-alive\n\n")
    elif reply.how == "cut" and request.transport is not None:
        request.transport.abort()


def _event(model: str, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": model,
        "choices": [choice],
    }


def _usage(model: str, usage: tuple[int, int, int]) -> dict[str, Any]:
    spent = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage[:2])}
    return _event(model, {}) | {"choices": [], "usage": spent}


def _pieces(text: str) -> list[str]:
    return [text[start : start + PIECE] for start in range(0, len(text), PIECE)]
