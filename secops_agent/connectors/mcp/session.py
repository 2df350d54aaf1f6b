"""One visit to an MCP server over streamable HTTP: stateless (2026-07-28), or with a handshake before that.

A thin client on the house's own HTTP, which has the address guard, the air gap, the CA and the proxy; the official
SDK brings a second HTTP stack that has none of them, and a web server.
"""

import asyncio
import base64
import itertools
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from bifang.core.errors import BifangError, RemoteError
from bifang.core.http import HttpClient
from secops_agent.connectors.mcp.settings import McpSettings
from secops_agent.connectors.mcp.wire import HANDSHAKES, MODERN, McpRefusal, greeting, read_answer, request_of
from secops_agent.services.mcp.definitions import MOST_TOOLS, storable

_MOST_PAGES: Final = 10
_FAREWELL_S: Final = 2.0
_SESSION: Final = "Mcp-Session-Id"
_PLAIN: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


class McpSession:
    """``async with McpSession(settings, http) as server``. ``protocol``: what it spoke last, "" to find out."""

    def __init__(self, settings: McpSettings, http: HttpClient, protocol: str = "") -> None:
        self._settings, self._http = settings, http
        self._numbers = itertools.count(1)
        self._session = ""
        self.protocol = protocol
        self.server: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        if self.protocol in HANDSHAKES:
            await self._shake_hands()
        elif self.protocol != MODERN:
            await self._discover()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session and kind is None:
            with suppress(BifangError):
                await self._http.request(
                    "DELETE", self._settings.url, headers=self._headers(""), timeout=_FAREWELL_S,
                    proxy=self._settings.proxy,
                )  # fmt: skip

    async def _discover(self) -> None:
        """What is no stateless server answers with any error; an outage is none."""
        self.protocol = MODERN
        try:
            found = await self._ask("server/discover", {})
        except McpRefusal:
            found = {}
        if MODERN in (found.get("supportedVersions") or ()):
            self._keep(found)
        else:
            await self._shake_hands()

    async def _shake_hands(self) -> None:
        self.protocol = ""
        found = await self._ask("initialize", greeting())
        spoken = found.get("protocolVersion")
        if spoken not in HANDSHAKES:
            raise RemoteError(
                f"MCP 服务「{self._settings.name}」的协议版本 {str(spoken)[:40]} 不受支持。",
                permanent=True,
                code="protocol",
            )
        self.protocol = str(spoken)
        self._keep(found)
        message = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        async with (
            self._patience(),
            self._http.stream(
                self._settings.url, json=message, headers=self._headers(""), proxy=self._settings.proxy
            ),
        ):
            pass

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
        extra = {f"Mcp-Param-{name}": _header(value) for name, value in (mirrored or {}).items()}
        params = {"name": tool, "arguments": dict(arguments)}
        return await self._ask("tools/call", params, extra if self.protocol == MODERN else {})

    async def _ask(
        self, method: str, params: Mapping[str, Any], extra: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        settings, number = self._settings, next(self._numbers)
        message = request_of(number, method, params, self.protocol)
        headers = {**self._headers(method, str(params.get("name") or "")), **(extra or {})}
        async with (
            self._patience(),
            self._http.stream(settings.url, json=message, headers=headers, proxy=settings.proxy) as answer,
        ):
            result = await read_answer(answer, number, settings.name)
            if method == "initialize":
                self._session = _session_id(answer.headers.get(_SESSION, ""))
            return result

    def _patience(self) -> "_Patience":
        return _Patience(self._settings)

    def _headers(self, method: str, name: str = "") -> dict[str, str]:
        headers = {**self._settings.headers, "Accept": "application/json, text/event-stream"}
        if self.protocol:
            headers["MCP-Protocol-Version"] = self.protocol
        if self._session:
            headers[_SESSION] = self._session
        if self.protocol == MODERN:
            headers["Mcp-Method"] = method
            headers |= {"Mcp-Name": _header(name)} if name else {}
        return headers


class _Patience:
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


def _session_id(text: str) -> str:
    return text if len(text) <= 200 and _PLAIN.fullmatch(text) else ""


def _header(value: Any) -> str:
    """A value as a header can carry it (MCP's own form for what is no plain ASCII)."""
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    if _PLAIN.fullmatch(text) and not text.startswith("=?base64?"):
        return text
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="
