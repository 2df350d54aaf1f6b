"""The firewall as an MCP server over streamable HTTP: stateless (2026-07-28), and with the handshake before it."""

import hmac
import secrets
from collections.abc import Mapping
from typing import Any, Final, Self
from urllib.parse import urlsplit

from aiohttp import web

from bifang.core.errors import ConfigError

from .answers import ABOUT, HANDSHAKES, MODERN, REQUEST, Fault, answered, greet, read, refused, result_of
from .rules import TOOLS, Firewall

HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8920
_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_HEADERS, _VERSION = -32020, -32022


class FirewallServer:
    """``async with FirewallServer(port=0) as server``: ``server.url`` is its MCP address.

    ``token``: what it wants as a bearer, "" for nothing. ``modern``: does it speak the stateless form, too?
    """

    def __init__(self, port: int = 0, token: str = "", *, modern: bool = True) -> None:
        self.port, self._token, self._modern = port, token, modern
        self.firewall = Firewall()
        self.tools = [dict(tool) for tool in TOOLS]
        self.url = ""
        self._sessions: set[str] = set()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/mcp", self._post)
        app.router.add_delete("/mcp", self._delete)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, handle_signals=False)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, self.port).start()
        except OSError:
            await self._runner.cleanup()
            raise ConfigError(
                f"端口 {self.port} 已被占用，防火墙模拟器没有启动：请用 --port 换一个。"
            ) from None
        self.port = self._runner.addresses[0][1]
        self.url = f"http://{HOST}:{self.port}/mcp"
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._runner.cleanup()

    async def _post(self, request: web.Request) -> web.Response:
        if not _is_local(request):
            return web.Response(status=403, text="防火墙模拟器只接受来自本机的请求")
        given = request.headers.get("Authorization", "")
        if self._token and not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"})
        message: Any = None
        try:
            message = read(await request.read())
            return self._answer(request, message)
        except Fault as fault:
            return web.json_response(refused(message, fault), status=fault.status)

    def _answer(self, request: web.Request, message: Mapping[str, Any]) -> web.Response:
        method, params = str(message.get("method")), message.get("params") or {}
        modern = self._check_form(request, message, params)
        if "id" not in message:
            return web.Response(status=202)
        if method == "initialize":
            return self._initialize(message, params)
        result = result_of(self.firewall, self.tools, method, params, modern=modern)
        if modern:
            result = {
                "resultType": "complete",
                **result,
                "_meta": {"io.modelcontextprotocol/serverInfo": ABOUT},
            }
        return web.json_response(answered(message, result))

    def _check_form(
        self, request: web.Request, message: Mapping[str, Any], params: Mapping[str, Any]
    ) -> bool:
        """Is this the stateless form? Raises Fault where head and body disagree, or no session is named."""
        version = (params.get("_meta") or {}).get("io.modelcontextprotocol/protocolVersion")
        told, method = request.headers.get("MCP-Protocol-Version", ""), str(message.get("method"))
        if (version or told == MODERN) and self._modern:
            if version != MODERN:
                raise Fault(
                    _VERSION, "unsupported protocol version", data={"supported": [MODERN, *HANDSHAKES]}
                )
            named = request.headers.get("Mcp-Name", params.get("name")) if method == "tools/call" else None
            if (told, request.headers.get("Mcp-Method")) != (version, method) or named not in (
                None,
                params.get("name"),
            ):
                raise Fault(_HEADERS, "headers do not match the request")
            return True
        if (
            method not in ("initialize", "ping")
            and request.headers.get("Mcp-Session-Id") not in self._sessions
        ):
            raise Fault(REQUEST, "no session: send initialize first", status=400)
        return False

    def _initialize(self, message: Mapping[str, Any], params: Mapping[str, Any]) -> web.Response:
        session = secrets.token_hex(16)
        self._sessions.add(session)
        return web.json_response(greet(message, params), headers={"Mcp-Session-Id": session})

    async def _delete(self, request: web.Request) -> web.Response:
        self._sessions.discard(request.headers.get("Mcp-Session-Id", ""))
        return web.Response(status=200)


def _is_local(request: web.Request) -> bool:
    """Under a local name (no DNS rebinding), and for no page of another site."""
    places = [
        request.headers.get("Host", ""),
        urlsplit(request.headers.get("Origin", "http://localhost")).netloc,
    ]
    return all(place.rpartition(":")[0] in _LOCAL or place in _LOCAL for place in places)
