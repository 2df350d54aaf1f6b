"""Sessions with services that offer tools, whatever they speak: MCP or plain HTTP."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from bifang.core.outbound.http import HttpClient
from secops_agent.connectors.http_tools.config import HttpToolSettings
from secops_agent.connectors.http_tools.session import HttpToolSession
from secops_agent.connectors.mcp.config import McpSettings
from secops_agent.connectors.mcp.content import Answered
from secops_agent.connectors.mcp.session import McpSession
from secops_agent.services.mcp.definitions import OfferedTool, ReadyTool

ToolSettings = McpSettings | HttpToolSettings


class ToolSession(Protocol):
    """``async with``: opened and closed. ``server``: what the service says of itself."""

    server: dict[str, Any]

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def offered(self) -> Sequence[OfferedTool]:
        """The tools as they are now."""
        ...

    async def answer(self, tool: ReadyTool, arguments: Mapping[str, Any]) -> Answered:
        """Call it, once. Raises RemoteError (BadCredentials, RateLimited, `McpRefusal`: not done)."""
        ...


def open_session(settings: ToolSettings, http: HttpClient, protocol: str = "") -> ToolSession:
    """To be entered. ``protocol``: what an MCP server spoke last."""
    if isinstance(settings, HttpToolSettings):
        return HttpToolSession(settings, http)
    return McpSession(settings, http, protocol)
