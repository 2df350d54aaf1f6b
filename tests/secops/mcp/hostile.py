"""An MCP server that answers what a test wants it to answer."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Answer = Callable[[dict[str, Any]], Any]
TOOL = {"name": "get_rules", "description": "查规则", "inputSchema": {"type": "object", "properties": {}}}


def reply(message: dict[str, Any], result: Any) -> web.Response:
    """A proper answer."""
    return web.json_response({"jsonrpc": "2.0", "id": message["id"], "result": result})


class HostileServer:
    """Speaks the handshake form; ``on``: method → what answers it (a response, or a coroutine of the request)."""

    def __init__(self, **on: Callable[..., Any]) -> None:
        self.on: dict[str, Callable[..., Any]] = {
            name.replace("__", "/"): answer for name, answer in on.items()
        }
        self.asked: list[str] = []
        self.tools: list[Any] = [TOOL]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        message = json.loads(await request.read())
        method = str(message.get("method"))
        self.asked.append(method)
        if method in self.on:
            found = self.on[method](request, message)
            return await found if asyncio.iscoroutine(found) else found
        if method == "initialize":
            return reply(
                message, {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "h"}}
            )
        if method == "notifications/initialized":
            return web.Response(status=202)
        if method == "tools/list":
            return reply(message, {"tools": self.tools})
        error = {"code": -32601, "message": "no"}
        return web.json_response({"jsonrpc": "2.0", "id": message.get("id"), "error": error})

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Its address."""
        app = web.Application()
        app.router.add_post("/mcp", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/mcp"
        finally:
            await runner.cleanup()
