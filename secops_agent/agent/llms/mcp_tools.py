"""MCP tools as a process knows them, looked at again every few seconds."""

import time
from typing import Final

from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.database import db
from secops_agent.connectors.tool_caller import ServiceCaller
from secops_agent.services.mcp.catalogue import ready_tools
from secops_agent.tools.operations.mcp import McpTools

FRESH_FOR: Final = 3.0  # seconds


class McpToolCache:
    """One per event loop; call `close` before the loop ends."""

    def __init__(self, configs: ConfigCache) -> None:
        self._caller = ServiceCaller(configs)
        self._tools = McpTools()
        self._due = 0.0

    async def get(self) -> McpTools:
        """What may be used now."""
        if time.monotonic() >= self._due:
            self._tools = McpTools(await db.call(ready_tools), self._caller)
            self._due = time.monotonic() + FRESH_FOR
        return self._tools

    async def close(self) -> None:
        """Close the connections to the servers."""
        await self._caller.close()
