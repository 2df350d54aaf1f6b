"""One open WebSocket: reads, answers on itself, notices a dead peer, leaves in order."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import websockets.exceptions
from websockets.asyncio.client import ClientConnection

from bifang.channels.streams.settings import LinkSettings
from bifang.core.errors import RemoteError

log = logging.getLogger(__name__)

Route = Callable[["Connection", str | bytes], Awaitable[None]]


class Connection:
    """``leaving`` is set when a replacement is needed; ``handover`` tells that the socket still works then.

    ``answered`` is told how many seconds a ping took there and back.
    """

    def __init__(
        self, socket: ClientConnection, settings: LinkSettings, is_blocked: Callable[[], bool],
        answered: Callable[[float], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self._socket = socket
        self._settings = settings
        self._is_blocked = is_blocked
        self.ping_interval_s = settings.ping_interval_s
        self._answered = answered
        self._tasks: list[asyncio.Task[None]] = []
        self._closed: Callable[[Connection], None] = lambda _: None
        self.leaving = asyncio.Event()
        self.handover = False
        self.reason = ""
        self.opened_at = self._read_at = time.monotonic()

    def start(self, route: Route, on_closed: Callable[["Connection"], None]) -> None:
        """Begin to read; ``on_closed`` is called once, when the socket is gone."""
        self._closed = on_closed
        reader = asyncio.create_task(self._read(route))
        keeper = asyncio.create_task(self._keep())
        self._tasks = [reader, keeper]
        reader.add_done_callback(lambda _: keeper.cancel())

    async def prove(self) -> None:
        """The peer answers. A socket that opens may be dead already (a proxy that took it and holds it): RemoteError."""
        try:
            alive = await self._answers()
        except websockets.exceptions.ConnectionClosed:
            alive = False
        if not alive:
            self._socket.transport.abort()
            raise RemoteError("连接已打开，但对方没有响应心跳，将自动重连", permanent=False, code="silent")

    async def send(self, frame: str | bytes) -> bool:
        """Write one frame; False if the socket is gone (the other side will deliver again)."""
        try:
            await self._socket.send(frame)
        except websockets.exceptions.ConnectionClosed:
            return False
        return True

    def leave(self, reason: str) -> None:
        """Ask for a replacement while this one still works."""
        if not self.leaving.is_set():
            self.handover, self.reason = True, reason
            self.leaving.set()

    def retire(self, seconds: float) -> None:
        """Go on reading and answering until the peer closes, but no longer than ``seconds``."""
        self._tasks.append(asyncio.create_task(self._retire(seconds)))

    async def _retire(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._socket.wait_closed()
        except TimeoutError:
            await self._socket.close()

    def stop_reading(self) -> None:
        """No further frames; what was read can still be answered."""
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """Close with a short handshake, by force if the peer does not take part."""
        self.stop_reading()
        closing = asyncio.ensure_future(self._socket.close())
        await asyncio.wait([closing], timeout=self._settings.close_timeout_s * 2)
        self._socket.transport.abort()
        await asyncio.gather(closing, *self._tasks, return_exceptions=True)

    async def _read(self, route: Route) -> None:
        try:
            async for raw in self._socket:
                self._read_at = time.monotonic()
                await route(self, raw)
        except websockets.exceptions.ConnectionClosed:
            pass  # told below, with its code
        finally:
            self._end()

    def _end(self) -> None:
        if not self.reason:
            code = self._socket.close_code
            self.reason = f"连接被断开（代码 {code or '无'}），将自动重连"
        self.handover = False
        self.leaving.set()
        self._closed(self)

    async def _keep(self) -> None:
        """Ping; a peer that neither answers nor sends anything is dead. websockets' own keepalive would also
        count pongs that we do not read because the intake is full."""
        try:
            while await self._is_alive():
                pass
            self.reason = "对方没有响应心跳，连接已失效，将自动重连"
            self._socket.transport.abort()
        except websockets.exceptions.ConnectionClosed:
            log.debug("closed while pinging")

    async def _is_alive(self) -> bool:
        await asyncio.sleep(self.ping_interval_s)
        return await self._answers()

    async def _answers(self) -> bool:
        sent = time.monotonic()
        try:
            async with asyncio.timeout(self._settings.pong_timeout_s):
                pong = await self._socket.ping()
        except TimeoutError:
            return False  # nothing can be written any more
        try:
            async with asyncio.timeout(self._settings.pong_timeout_s):
                self._answered(await pong)
        except TimeoutError:
            return self._is_blocked() or self._read_at >= sent
        return True
