"""Streamable HTTP, on the house's own client.

The official SDK brings a second HTTP stack that has no address guard, no air gap, no CA and no proxy, and a web server.
"""

import base64
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from bifang.core.errors import BifangError
from bifang.core.http import HttpClient
from secops_agent.connectors.mcp.settings import McpSettings
from secops_agent.connectors.mcp.transport import Patience
from secops_agent.connectors.mcp.wire import MODERN, read_answer

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
