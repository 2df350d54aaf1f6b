"""A Stream client in a thread of its own, as the worker runs it, and a scripted gateway for odd answers."""

import asyncio
import json
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import WSMsgType, web

from bifang.core.outbound.addresses import AddressRules
from dingtalk_integration.stream import (
    CHAT_ACK,
    EVENT_ACK,
    Ack,
    Frame,
    StreamClient,
    StreamSettings,
    StreamState,
)
from tests.deadline import wait_until

ACKS = {"chat": CHAT_ACK, "event": EVENT_ACK, "card": Ack({"response": {}})}
QUICK = {
    "backoff_base_s": 0.05,
    "backoff_cap_s": 0.2,
    "park_retry_s": 60.0,
    "connect_timeout_s": 60.0,
    "open_timeout_s": 60.0,
}


class RunningClient:
    """What the client showed and received; `receive` may be replaced."""

    def __init__(
        self, settings: StreamSettings, receive: Callable[[Frame], Awaitable[Ack | None]] | None, **rest: Any
    ):
        self.frames: list[Frame] = []
        self.states: list[StreamState] = []
        self.respond = receive
        self.client = StreamClient(settings, self._receive, self.states.append, **rest)
        self.thread = threading.Thread(target=lambda: asyncio.run(self.client.run()), name="stream-client")

    async def _receive(self, frame: Frame) -> Ack | None:
        self.frames.append(frame)
        return await self.respond(frame) if self.respond else ACKS[frame.kind]

    @property
    def state(self) -> StreamState:
        return self.client.state

    @property
    def statuses(self) -> list[str]:
        return [state.status for state in self.states]

    def wait_status(self, status: str, within: float = 10.0) -> StreamState:
        wait_until(lambda: self.state.status == status, within=within, what=f"{status}: {self.states}")
        return self.state

    def wait_frames(self, count: int, within: float = 10.0) -> list[Frame]:
        wait_until(lambda: len(self.frames) >= count, within=within, what=f"{count} frames")
        return self.frames

    def stop(self, within: float = 1.0) -> None:
        self.client.stop()
        self.thread.join(within)
        assert not self.thread.is_alive(), f"did not stop within {within} s"


@contextmanager
def running_client(
    endpoint: str, receive: Any = None, *, clock: Any = None, waits: list[float] | None = None, **changed: Any
) -> Iterator[RunningClient]:
    """Run a client against ``endpoint`` for the length of the block. ``changed``: fields of StreamSettings.
    With ``waits`` it never waits, and that list gets the seconds that it would have."""
    fields = {"client_id": "dingdemo", "client_secret": "demo-secret", "rules": AddressRules(simulator=True)}
    settings = StreamSettings(name="测试", endpoint=endpoint, **{**QUICK, **fields, **changed})

    async def note(nudge: asyncio.Event, seconds: float) -> None:
        waits.append(seconds)

    rest = {"wall_clock": clock} if clock else {}
    running = RunningClient(settings, receive, **rest, **({} if waits is None else {"pause": note}))
    running.thread.start()
    try:
        yield running
    finally:
        running.client.stop()
        running.thread.join(120)
        assert not running.thread.is_alive()


class ScriptedGateway:
    """A gateway that answers what it is told to. ``opened``: the bodies and headers of registrations."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.tls = tls
        self.opened: list[tuple[dict[str, Any], dict[str, str]]] = []
        self.answer: Callable[[str], web.Response] = lambda base: web.json_response(
            {"endpoint": f"{base.replace('http', 'ws', 1)}/connect", "ticket": "T1cket/+="}
        )
        self.tickets: list[str] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.received: list[dict[str, Any]] = []
        self.base = ""
        self.loop = asyncio.new_event_loop()

    async def _open(self, request: web.Request) -> web.Response:
        self.opened.append((await request.json(), dict(request.headers)))
        return self.answer(f"{request.scheme}://{request.host}")

    async def _connect(self, request: web.Request) -> web.WebSocketResponse:
        self.tickets.append(request.query["ticket"])
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self.received.append(json.loads(message.data))
        return socket

    async def start(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/v1.0/gateway/connections/open", self._open)
        app.router.add_get("/connect", self._connect)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self.tls).start()
        port = runner.addresses[0][1]
        self.base = f"https://localhost:{port}" if self.tls else f"http://127.0.0.1:{port}"
        return runner

    def push(self, *frames: str | bytes, socket: int = -1) -> None:
        """Send frames on a connection, the newest by default."""

        async def send() -> None:
            for frame in frames:
                if isinstance(frame, bytes):
                    await self.sockets[socket].send_bytes(frame)
                else:
                    await self.sockets[socket].send_str(frame)

        self.call(send())

    def call(self, work: Any, within: float = 20.0) -> Any:
        """Run a coroutine in the gateway's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(within)


@contextmanager
def scripted_gateway(tls: ssl.SSLContext | None = None) -> Iterator[ScriptedGateway]:
    """Run a `ScriptedGateway` for the length of the block."""
    gateway = ScriptedGateway(tls)
    thread = threading.Thread(target=gateway.loop.run_forever, name="scripted-gateway", daemon=True)
    thread.start()
    runner = gateway.call(gateway.start())
    try:
        yield gateway
    finally:
        gateway.call(runner.cleanup())
        gateway.call(asyncio.sleep(0.05))  # until what was still being written is out, and its socket closed
        gateway.loop.call_soon_threadsafe(gateway.loop.stop)
        thread.join(120)
        gateway.loop.close()


def chat_frame(number: int, text: str = "你好", **headers: Any) -> str:
    """A chat callback with messageId ``m{number}`` and msgId ``x{number}``."""
    return json.dumps(
        {
            "specVersion": "1.0",
            "type": "CALLBACK",
            "headers": {
                "messageId": f"m{number}",
                "topic": "/v1.0/im/bot/messages/get",
                "time": "1",
                **headers,
            },
            "data": json.dumps({"msgId": f"x{number}", "msgtype": "text", "text": {"content": text}}),
        }
    )


def system_frame(topic: str, **headers: Any) -> str:
    """A SYSTEM frame."""
    return json.dumps(
        {"type": "SYSTEM", "headers": {"topic": topic, **headers}, "data": json.dumps({"opaque": "o1"})}
    )
