"""One visit to an MCP server: stateless (2026-07-28), or with a handshake before that; over HTTP or a child process."""

import base64
import itertools
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from bifang.core.errors import BifangError, RemoteError
from bifang.core.outbound.http import HttpClient
from secops_agent.connectors.mcp.config import McpSettings
from secops_agent.connectors.mcp.content import Answered, read_result
from secops_agent.connectors.mcp.over_stdio import StdioTransport
from secops_agent.connectors.mcp.transport import McpTransport, Patience
from secops_agent.connectors.mcp.wire import HANDSHAKES, MODERN, McpRefusal, greeting, read_answer, request_of
from secops_agent.services.mcp.definitions import MOST_TOOLS, OfferedTool, ReadyTool, read_offered, storable
from secops_agent.services.mcp.schemas import header_arguments

# Streamable HTTP, on the house's own client.

_FAREWELL_S: Final = 2.0
_SESSION: Final = "Mcp-Session-Id"
_PLAIN: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


class HttpTransport:
    """A request is a POST; a session lasts as long as the server names one."""

    shakes_first = False

    def __init__(self, settings: McpSettings, http: HttpClient) -> None:
        self._settings, self._http = settings, http
        self._session = self._protocol = ""

    async def open(self) -> None:
        """Nothing: the first request connects."""

    async def ask(
        self, message: Mapping[str, Any], protocol: str, extra: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """As `McpTransport`."""
        mirrored = {f"Mcp-Param-{name}": _header(value) for name, value in extra.items()}
        headers = self._headers(message, protocol) | (mirrored if protocol == MODERN else {})
        settings = self._settings
        async with (
            Patience(settings),
            self._http.stream(
                settings.url, json=dict(message), headers=headers, proxy=settings.proxy
            ) as answer,
        ):
            result = await read_answer(answer, message["id"], settings.name)
            if message["method"] == "initialize":
                self._session = _session_id(answer.headers.get(_SESSION, ""))
            return result

    async def tell(self, message: Mapping[str, Any], protocol: str) -> None:
        """As `McpTransport`."""
        settings, headers = self._settings, self._headers(message, protocol)
        async with (
            Patience(settings),
            self._http.stream(settings.url, json=dict(message), headers=headers, proxy=settings.proxy),
        ):
            pass

    async def close(self, *, politely: bool) -> None:
        """Take leave of a session."""
        if self._session and politely:
            headers = self._headers({}, self._protocol)
            with suppress(BifangError):
                await self._http.request(
                    "DELETE", self._settings.url, headers=headers, timeout=_FAREWELL_S, proxy=self._settings.proxy
                )  # fmt: skip

    def _headers(self, message: Mapping[str, Any], protocol: str) -> dict[str, str]:
        self._protocol = protocol
        headers = {**self._settings.headers, "Accept": "application/json, text/event-stream"}
        if protocol:
            headers["MCP-Protocol-Version"] = protocol
        if self._session:
            headers[_SESSION] = self._session
        if protocol == MODERN:
            headers["Mcp-Method"] = str(message["method"])
            name = str(message.get("params", {}).get("name") or "")
            headers |= {"Mcp-Name": _header(name)} if name else {}
        return headers


def _session_id(text: str) -> str:
    return text if len(text) <= 200 and _PLAIN.fullmatch(text) else ""


def _header(value: Any) -> str:
    """A value as a header can carry it (MCP's own form for what is no plain ASCII)."""
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    if _PLAIN.fullmatch(text) and not text.startswith("=?base64?"):
        return text
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


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

    async def offered(self) -> Sequence[OfferedTool]:
        """The tools as the catalogue knows them."""
        return read_offered(await self.list_tools())

    async def answer(self, tool: ReadyTool, arguments: Mapping[str, Any]) -> Answered:
        """What the tool says, as text."""
        return read_result(await self.call(tool.name, arguments, header_arguments(tool.schema, arguments)))

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
