"""Live WebSocket connections of clients."""

import asyncio
import contextlib
import itertools
import json
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import WSCloseCode, WSMsgType, web

from .frames import build_disconnect, build_frame, dump, now_ms
from .options import mint

logger = logging.getLogger(__name__)
GONE_POLL_S = 0.1
BURST = 10  # frames written in a row


class Owner(Protocol):
    """Who is told what comes in."""

    def receive_ack(self, link: "Link", ack: dict[str, Any]) -> None:
        """An upstream frame with a messageId."""

    def receive_noise(self, link: "Link", text: str) -> None:
        """An upstream frame that is no ack."""


@dataclass(frozen=True, slots=True)
class Ping:
    """One SYSTEM ping under way. ``sent``: loop time; ``echoed``: the milliseconds until its echo."""

    sent: float
    data: str
    echoed: asyncio.Future[float]


class Link:
    """One connection. Frames go out in order through its own writer, so a slow client delays nobody else."""

    def __init__(self, client_id: str, subscriptions: set[tuple[str, str]], user_agent: str) -> None:
        self.id = mint("conn-")
        self.client_id = client_id
        self.subscriptions = subscriptions
        self.user_agent = user_agent
        self.since = now_ms()
        self.frozen = False
        self.draining = False
        self.pings: dict[str, Ping] = {}
        self.socket = web.WebSocketResponse(autoping=False, autoclose=False, compress=False, timeout=0.3)
        self._request: web.Request | None = None
        self._outbox: asyncio.Queue[tuple[str, Callable[[], None] | None]] = asyncio.Queue()

    def accepts(self, kind: str, topic: str) -> bool:
        """Whether pushes of that type and topic may go here."""
        return not self.draining and (kind, topic) in self.subscriptions

    def push(self, text: str, on_sent: Callable[[], None] | None = None) -> None:
        """Queue one frame; `on_sent` is called when it goes out, which in a burst is later."""
        self._outbox.put_nowait((text, on_sent))

    def ping(self) -> "Ping":
        """Send SYSTEM ping; its echo comes back as an ack."""
        message_id, loop = mint("ping-"), asyncio.get_running_loop()
        ping = self.pings[message_id] = Ping(loop.time(), dump({"opaque": mint("")}), loop.create_future())
        self.push(build_frame("SYSTEM", "ping", ping.data, connection_id=self.id, message_id=message_id))
        return ping

    def abort(self) -> None:
        """Cut the connection without a close frame, as a dying network does."""
        if self._request is not None and self._request.transport is not None:
            self._request.transport.abort()

    async def disconnect(self, grace_s: float) -> None:
        """Say SYSTEM disconnect, push nothing more, close after the grace time."""
        self.draining = True
        self.push(build_disconnect())
        await asyncio.sleep(grace_s)
        await self.close(WSCloseCode.OK)

    async def close(self, code: int) -> None:
        """Close the WebSocket; the peer has 0.3 s to agree."""
        with contextlib.suppress(ConnectionError):
            await self.socket.close(code=code)

    async def run(self, request: web.Request, owner: Owner) -> None:
        """Serve the connection until it ends."""
        self._request = request
        writer = asyncio.create_task(self._write())
        writer.add_done_callback(self._cut_if_failed)
        try:
            await self._read(owner)
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _write(self) -> None:
        for number in itertools.count(1):
            text, on_sent = await self._outbox.get()
            if self.frozen:
                continue
            if on_sent is not None:
                on_sent()
            await self.socket.send_str(text)
            if number % BURST == 0:
                await asyncio.sleep(0)  # let acks in, or their latency would measure our own sending

    def _cut_if_failed(self, writer: asyncio.Task[None]) -> None:
        """A link that cannot write any more would look alive to its client for ever."""
        error = None if writer.cancelled() else writer.exception()
        if error is not None and not isinstance(error, ConnectionError):
            logger.error("连接 %s 无法继续推送（%s），已切断", self.id, type(error).__name__)
            self.abort()

    async def _read(self, owner: Owner) -> None:
        while True:
            message = await self.socket.receive()
            if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
                await self._finish(message.type)
                return
            if self.frozen:
                continue
            if message.type is WSMsgType.PING:
                await self.socket.pong(message.data)
            elif message.type is WSMsgType.TEXT:
                self._take(owner, message.data)

    async def _finish(self, kind: WSMsgType) -> None:
        """Answer a close frame; a frozen link keeps silent until the TCP connection is gone."""
        while self.frozen and self._is_open():  # noqa: ASYNC110 - aiohttp has no event for a lost transport
            await asyncio.sleep(GONE_POLL_S)
        if kind is WSMsgType.CLOSE:
            await self.close(WSCloseCode.OK)

    def _is_open(self) -> bool:
        return self._request is not None and self._request.transport is not None

    def _take(self, owner: Owner, text: str) -> None:
        try:
            ack = json.loads(text)
        except ValueError:
            ack = None
        if isinstance(ack, dict) and isinstance(ack.get("headers"), dict) and ack["headers"].get("messageId"):
            owner.receive_ack(self, ack)
        else:
            owner.receive_noise(self, text)


@dataclass(slots=True)
class Links:
    """The live connections of all clients."""

    by_client: dict[str, list[Link]] = field(default_factory=dict)
    changed: list[Callable[[str], None]] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)  # why a client's last registration failed

    def add(self, link: Link) -> None:
        """A new connection."""
        self.by_client.setdefault(link.client_id, []).append(link)
        self.refused.pop(link.client_id, None)
        self._tell(link.client_id)

    def remove(self, link: Link) -> None:
        """A connection that ended."""
        links = self.by_client.get(link.client_id, [])
        if link in links:
            links.remove(link)
        self._tell(link.client_id)

    def pick(self, client_id: str, kind: str, topic: str) -> Link | None:
        """One random connection that may get such a push: DingTalk balances, it does not broadcast."""
        links = [link for link in self.by_client.get(client_id, ()) if link.accepts(kind, topic)]
        return random.choice(links) if links else None  # noqa: S311 - load balancing, not security

    def all(self, scope: str = "*") -> list[Link]:
        """Every connection; of one client if named."""
        if scope != "*":
            return list(self.by_client.get(scope, ()))
        return [link for links in self.by_client.values() for link in links]

    def describe(self, client_id: str) -> list[dict[str, Any]]:
        """The connections of a client, as shown by ``GET /sim/state``."""
        return [
            {
                "id": link.id,
                "since": link.since,
                "user_agent": link.user_agent,
                "draining": link.draining,
                "half_open": link.frozen,
                "topics": sorted(f"{kind} {topic}" for kind, topic in link.subscriptions),
            }
            for link in self.by_client.get(client_id, ())
        ]

    def _tell(self, client_id: str) -> None:
        for listener in self.changed:
            listener(client_id)
