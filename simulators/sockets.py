"""WebSocket connections as a simulator holds them: written in order, cut, frozen, closed."""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from aiohttp import WSCloseCode, WSMsgType, web

from .values import mint, now_ms

logger = logging.getLogger(__name__)
GONE_POLL_S = 0.1
BURST = 10  # messages written in a row
Message = str | bytes


class Socket:
    """One connection. Messages go out in order through its own writer, so a slow client delays nobody else."""

    def __init__(self, owner: str, user_agent: str) -> None:
        self.id = mint("conn-")
        self.owner = owner
        self.user_agent = user_agent
        self.since = now_ms()
        self.frozen = False
        self.socket = web.WebSocketResponse(autoping=False, autoclose=False, compress=False, timeout=0.3)
        self._request: web.Request | None = None
        self._outbox: asyncio.Queue[tuple[Message, Callable[[], None] | None]] = asyncio.Queue()

    def push(self, message: Message, on_sent: Callable[[], None] | None = None) -> None:
        """Queue one message; `on_sent` is called when it goes out, which in a burst is later."""
        self._outbox.put_nowait((message, on_sent))

    def abort(self) -> None:
        """Cut the connection without a close frame, as a dying network does."""
        if self._request is not None and self._request.transport is not None:
            self._request.transport.abort()

    async def close(self, code: int) -> None:
        """Close the WebSocket; the peer has 0.3 s to agree."""
        with contextlib.suppress(ConnectionError):
            await self.socket.close(code=code)

    async def serve(self, request: web.Request, take: Callable[[Message], None]) -> None:
        """Serve the connection until it ends."""
        self._request = request
        writer = asyncio.create_task(self._write())
        writer.add_done_callback(self._cut_if_failed)
        try:
            await self._read(take)
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _write(self) -> None:
        for number in itertools.count(1):
            message, on_sent = await self._outbox.get()
            if self.frozen:
                continue
            if on_sent is not None:
                on_sent()
            await self._send(message)
            if number % BURST == 0:
                await asyncio.sleep(0)  # let acks in, or their latency would measure our own sending

    async def _send(self, message: Message) -> None:
        if isinstance(message, str):
            await self.socket.send_str(message)
        else:
            await self.socket.send_bytes(message)

    def _cut_if_failed(self, writer: asyncio.Task[None]) -> None:
        """A link that cannot write any more would look alive to its client for ever."""
        error = None if writer.cancelled() else writer.exception()
        if error is not None and not isinstance(error, ConnectionError):
            logger.error("连接 %s 无法继续推送（%s），已切断", self.id, type(error).__name__)
            self.abort()

    async def _read(self, take: Callable[[Message], None]) -> None:
        while True:
            message = await self.socket.receive()
            if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
                await self._finish(message.type)
                return
            if self.frozen:
                continue
            if message.type is WSMsgType.PING:
                await self.socket.pong(message.data)
            elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                take(message.data)

    async def _finish(self, kind: WSMsgType) -> None:
        """Answer a close frame; a frozen link keeps silent until the TCP connection is gone."""
        while self.frozen and self._is_open():  # noqa: ASYNC110 - aiohttp has no event for a lost transport
            await asyncio.sleep(GONE_POLL_S)
        if kind is WSMsgType.CLOSE:
            await self.close(WSCloseCode.OK)

    def _is_open(self) -> bool:
        return self._request is not None and self._request.transport is not None


class Owned(Protocol):
    """What belongs to one application."""

    owner: str


S = TypeVar("S", bound=Owned)


@dataclass(slots=True)
class Pool(Generic[S]):
    """The live connections by application. ``changed`` is called with the application whose connections changed."""

    by_owner: dict[str, list[S]] = field(default_factory=dict)
    changed: list[Callable[[str], None]] = field(default_factory=list)

    def add(self, socket: S) -> None:
        """A new connection."""
        self.by_owner.setdefault(socket.owner, []).append(socket)
        self._tell(socket.owner)

    def remove(self, socket: S) -> None:
        """A connection that ended."""
        sockets = self.by_owner.get(socket.owner, [])
        if socket in sockets:
            sockets.remove(socket)
        self._tell(socket.owner)

    def all(self, scope: str = "*") -> list[S]:
        """Every connection; of one application if named."""
        if scope != "*":
            return list(self.by_owner.get(scope, ()))
        return [socket for sockets in self.by_owner.values() for socket in sockets]

    def _tell(self, owner: str) -> None:
        for listener in self.changed:
            listener(owner)
