"""Reading calls of foreign tools, for a turn."""

from collections.abc import Mapping
from typing import Any

from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.database import db
from bifang.core.outbound.http import HttpClient
from secops_agent.connectors.mcp.content import Answered
from secops_agent.connectors.tool_sessions import ToolSettings, open_session
from secops_agent.services.mcp import catalogue
from secops_agent.services.mcp.definitions import ReadyTool


class ServiceCaller:
    """One per event loop; call `close` before the loop ends."""

    def __init__(self, configs: ConfigCache) -> None:
        self._configs = configs
        self._clients: dict[str, HttpClient] = {}

    async def call(self, tool: ReadyTool, arguments: Mapping[str, Any]) -> Answered:
        """Call it. Raises BifangError."""
        settings: ToolSettings = await self._configs.get(tool.config_id)
        protocol = await db.call(catalogue.protocol_of, tool.config_id)
        http = self._clients.setdefault(settings.ca, HttpClient(pool=8, ca=settings.ca))
        async with open_session(settings, http, protocol) as server:
            return await server.answer(tool, arguments)

    async def close(self) -> None:
        """Close this loop's connections."""
        for http in self._clients.values():
            await http.close()
