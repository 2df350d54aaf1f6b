"""One open WebSocket of Feishu's: the platform's own ping and pong instead of WebSocket's."""

import asyncio
import json
import time
from collections.abc import Callable

from websockets.asyncio.client import ClientConnection

from bifang.channels.streams.connection import Connection
from feishu_integration.stream.endpoint import Opening, ping_interval
from feishu_integration.stream.frames import ping
from feishu_integration.stream.settings import FeishuLinkSettings


class FeishuConnection(Connection):
    """Half-open sockets are noticed by the pong that does not come: no frame says goodbye here."""

    def __init__(
        self, socket: ClientConnection, settings: FeishuLinkSettings, opening: Opening, is_blocked: Callable[[], bool],
        answered: Callable[[float], None],
    ) -> None:  # fmt: skip
        super().__init__(socket, settings, is_blocked, answered)
        self.ping_interval_s = opening.ping_interval_s
        self._ping = ping(opening.service)
        self._pong, self._retimed = asyncio.Event(), asyncio.Event()
        self._gone = False

    def saw_pong(self, payload: bytes) -> None:
        """It may carry a new ClientConfig."""
        self._pong.set()
        try:
            config = json.loads(payload) if payload else None
        except (ValueError, RecursionError):
            config = None
        if isinstance(config, dict):
            before, self.ping_interval_s = self.ping_interval_s, ping_interval(config, self.ping_interval_s)
            if before != self.ping_interval_s:
                self._retimed.set()

    def _end(self) -> None:
        self._gone = True
        self._pong.set()
        super()._end()

    async def _is_alive(self) -> bool:
        """A new interval holds at once: the old one may be minutes long."""
        waiting = True
        while waiting:
            self._retimed.clear()
            try:
                async with asyncio.timeout(self.ping_interval_s):
                    await self._retimed.wait()
            except TimeoutError:
                waiting = False
        return await self._answers()

    async def _answers(self) -> bool:
        sent = time.monotonic()
        self._pong.clear()
        try:
            async with asyncio.timeout(self._settings.pong_timeout_s):
                await self._socket.send(self._ping)
                await self._pong.wait()
        except TimeoutError:
            return self._is_blocked() or self._read_at >= sent
        if self._gone:
            await self._socket.send(self._ping)  # raises what `_keep` and `prove` know how to take
        self._answered(time.monotonic() - sent)
        return True
