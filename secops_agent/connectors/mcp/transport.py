"""How messages get to an MCP server and back."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol

from bifang.core.errors import RemoteError
from secops_agent.connectors.mcp.config import McpSettings


class McpTransport(Protocol):
    """The way of one visit. ``shakes_first``: do servers of this way want ``initialize`` before anything else?"""

    shakes_first: bool

    async def open(self) -> None:
        """Before the first message. Raises BifangError."""

    async def ask(
        self, message: Mapping[str, Any], protocol: str, extra: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """The result of a request. ``extra``: what is said in the headers, too, where there are some."""

    async def tell(self, message: Mapping[str, Any], protocol: str) -> None:
        """Send a notification."""

    async def close(self, *, politely: bool) -> None:
        """Never raises BifangError; may be called without `open`."""


class Patience:
    """The time of one request with its answer, however slowly it drips."""

    def __init__(self, settings: McpSettings) -> None:
        self._settings, self._timeout = settings, asyncio.timeout(settings.timeout_s)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            raise RemoteError(
                f"MCP 服务「{self._settings.name}」在 {self._settings.timeout_s:g} 秒内没有答完。", permanent=False,
                code="timeout",
            ) from None  # fmt: skip
