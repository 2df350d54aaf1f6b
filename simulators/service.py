"""One aiohttp server on the loopback interface: what every simulator is."""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable
from typing import Any, Self

from aiohttp import web

from bifang.core.errors import ConfigError
from simulators.history import History
from simulators.locality import HOST, refuse_strangers

MAX_BODY = 300 * 1024 * 1024  # a file of 200 MiB, which is the most that Bifang takes, in base64
CLOSING_S = 0.5


class LoopbackServer(ABC):
    """``port`` 0 takes a free one; ``base_url`` says which. ConfigError if the port is taken."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.base_url = ""
        self._runner: web.AppRunner

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen."""
        app = web.Application(middlewares=[refuse_strangers], client_max_size=MAX_BODY)
        app.router.add_routes(self._build())
        app.on_shutdown.append(self._shut_down)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, handle_signals=False)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, self.port, backlog=1024).start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigError(self._describe_busy_port()) from error
        self.port = self._runner.addresses[0][1]
        self.base_url = f"http://{HOST}:{self.port}"

    async def stop(self) -> None:
        """Close every connection and stop listening, within a second."""
        await self._runner.cleanup()

    @abstractmethod
    def _build(self) -> list[web.AbstractRouteDef]:
        """A fresh world, and its endpoints."""

    @abstractmethod
    def _describe_busy_port(self) -> str:
        """What to do when the port is taken."""

    @abstractmethod
    def _wind_down(self) -> tuple[History, Awaitable[Any]]:
        """Stop what runs: whose pages are to end, and the closing of the connections."""

    async def _shut_down(self, app: web.Application) -> None:
        history, closing = self._wind_down()
        history.end_watching()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(closing, CLOSING_S)
