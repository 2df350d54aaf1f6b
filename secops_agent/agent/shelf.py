"""The tools of the company's MCP servers as a process knows them: looked at again every few seconds."""

import time
from typing import Final

from bifang.core import db
from bifang.core.config_cache import ConfigCache
from secops_agent.connectors.mcp.caller import McpCaller
from secops_agent.llm.types import Message, ToolCall
from secops_agent.services.mcp.catalogue import ready_tools
from secops_agent.services.mcp.orders import CALL, COMMAND
from secops_agent.tools.mcp import McpTools, order_arguments

FRESH_FOR: Final = 3.0  # seconds
_LONGEST: Final = 2000  # characters of an order


class McpShelf:
    """One per event loop; call `close` before the loop ends."""

    def __init__(self, configs: ConfigCache) -> None:
        self._caller = McpCaller(configs)
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


def read_command(text: str) -> Message | None:
    """The call that a person ordered by the exact line, as it was typed: no grammar respells its values."""
    command, _, line = text.strip().replace("／", "/", 1).partition(" ")
    if command != COMMAND or len(text) > _LONGEST:
        return None
    call = ToolCall(id="ordered", name=CALL, arguments=order_arguments(line.strip()))
    return Message("assistant", "", (call,))
