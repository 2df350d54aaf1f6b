"""One visit to an MCP server: stateless (2026-07-28), or with a handshake before that; over HTTP or a child process."""

import itertools
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

from bifang.core.errors import RemoteError
from bifang.core.http import HttpClient
from secops_agent.connectors.mcp.over_http import HttpTransport
from secops_agent.connectors.mcp.over_stdio import StdioTransport
from secops_agent.connectors.mcp.settings import McpSettings
from secops_agent.connectors.mcp.transport import McpTransport
from secops_agent.connectors.mcp.wire import HANDSHAKES, MODERN, McpRefusal, greeting, request_of
from secops_agent.services.mcp.definitions import MOST_TOOLS, storable

_MOST_PAGES: Final = 10


class McpSession:
    """``async with McpSession(settings, http) as server``. ``protocol``: what it spoke last, "" to find out."""

    def __init__(self, settings: McpSettings, http: HttpClient, protocol: str = "") -> None:
        self._name = settings.name
        self._way: McpTransport = (
            StdioTransport(settings) if settings.command else HttpTransport(settings, http)
        )
        self._numbers = itertools.count(1)
        self.protocol = protocol
        self.server: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        try:
            await self._way.open()
            await self._agree()
        except BaseException:
            await self._way.close(politely=False)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._way.close(politely=kind is None)

    async def _agree(self) -> None:
        """On a form of the protocol."""
        if self.protocol in HANDSHAKES:
            await self._shake_hands()
        elif self.protocol != MODERN and self._way.shakes_first:
            try:
                await self._shake_hands()
            except McpRefusal:
                if not await self._discover():
                    raise
        elif self.protocol != MODERN and not await self._discover():
            await self._shake_hands()

    async def _discover(self) -> bool:
        """What is no stateless server answers with any error; an outage is none."""
        self.protocol = MODERN
        try:
            found = await self._ask("server/discover", {})
        except McpRefusal:
            return False
        spoken = MODERN in (found.get("supportedVersions") or ())
        if spoken:
            self._keep(found)
        return spoken

    async def _shake_hands(self) -> None:
        self.protocol = ""
        found = await self._ask("initialize", greeting())
        spoken = found.get("protocolVersion")
        if spoken not in HANDSHAKES:
            raise RemoteError(
                f"MCP 服务「{self._name}」的协议版本 {str(spoken)[:40]} 不受支持。",
                permanent=True,
                code="protocol",
            )
        self.protocol = str(spoken)
        self._keep(found)
        await self._way.tell({"jsonrpc": "2.0", "method": "notifications/initialized"}, self.protocol)

    def _keep(self, found: Mapping[str, Any]) -> None:
        told = found.get("serverInfo") or (found.get("_meta") or {}).get("io.modelcontextprotocol/serverInfo")
        named = told if isinstance(told, dict) else {}
        about = {key: storable(str(named.get(key) or ""))[:100] for key in ("name", "version")}
        self.server = {**about, "protocol": self.protocol}

    async def list_tools(self) -> list[Any]:
        """The tools as they come, of all pages."""
        tools: list[Any] = []
        params: dict[str, Any] = {}
        for _ in range(_MOST_PAGES):
            page = await self._ask("tools/list", params)
            tools += page["tools"] if isinstance(page.get("tools"), Sequence) else []
            cursor = page.get("nextCursor")
            if not isinstance(cursor, str) or not cursor or len(tools) >= MOST_TOOLS:
                break
            params = {"cursor": cursor[:4000]}
        return tools[:MOST_TOOLS]

    async def call(
        self, tool: str, arguments: Mapping[str, Any], mirrored: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        """The result of ``tools/call``; ``mirrored``: arguments that the server wants in the headers, too."""
        return await self._ask("tools/call", {"name": tool, "arguments": dict(arguments)}, mirrored)

    async def _ask(
        self, method: str, params: Mapping[str, Any], extra: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        message = request_of(next(self._numbers), method, params, self.protocol)
        return await self._way.ask(message, self.protocol, extra or {})
