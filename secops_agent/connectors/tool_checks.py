"""The health check of services that offer tools: connect, list the tools, keep what was found; every few minutes, and at once after a change."""

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from bifang.core.configuration import configs
from bifang.core.database import db
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from bifang.core.outbound.http import HttpClient
from secops_agent.connectors.tool_sessions import ToolSettings, open_session
from secops_agent.services.mcp import catalogue
from secops_agent.services.mcp.definitions import OfferedTool

log = logging.getLogger(__name__)
EVERY_S: Final = 300.0
LOOK_S: Final = 3.0  # how soon a changed configuration is seen


@dataclass(frozen=True, slots=True)
class Checked:
    """A server that answered."""

    protocol: str
    count: int


async def visit(settings: ToolSettings) -> tuple[Mapping[str, Any], Sequence[OfferedTool]]:
    """What the server says of itself, and its tools; nothing is kept. Raises BifangError."""
    async with HttpClient(pool=2, ca=settings.ca) as http, open_session(settings, http) as server:
        return server.server, await server.offered()


async def check(settings: ToolSettings) -> Checked:
    """Visit the server and keep what it offers, and the error that it ended in. Raises BifangError."""
    try:
        about, offered = await visit(settings)
    except BifangError as error:
        await db.call(configs.report_error, settings.id, error.message)
        raise
    await db.call(catalogue.record, settings.id, about, offered)
    await db.call(configs.report_error, settings.id, "")
    return Checked(str(about.get("protocol")), len(offered))


class ToolWatcher:
    """One per process: a job of the turn loop. Two processes that check the same server only find the same."""

    def __init__(self, *, every_s: float = EVERY_S, look_s: float = LOOK_S) -> None:
        self._every_s, self._look_s = every_s, look_s
        self._known: dict[int, tuple[configs.Version, float]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        while not stop.is_set():
            try:
                await self.step()
            except Exception:
                log.exception("检查 MCP 服务时出错，稍后重试")
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop.wait(), self._look_s)

    async def step(self) -> None:
        """Check what is due."""
        due = await db.call(self._due)
        await asyncio.gather(*(self._check(settings) for settings in due))

    async def _check(self, settings: ToolSettings) -> None:
        with suppress(BifangError):
            await check(settings)

    def _due(self) -> list[ToolSettings]:
        return [settings for config in catalogue.services() for settings in self._load(config)]

    def _load(self, config: SystemConfig) -> Iterator[Any]:
        version, now = configs.version_of(config), time.monotonic()
        known, at = self._known.get(config.pk, (None, float("-inf")))
        if known == version and now - at < self._every_s:
            return
        self._known[config.pk] = (version, now)
        try:
            yield configs.load(config)
        except BifangError as error:
            configs.report_error(config.pk, error.message)
