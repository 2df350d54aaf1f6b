"""The chat page: its files, what it opens with, and live updates (Server-Sent Events)."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from simulators.history import Entry, Watcher
from simulators.values import dump

from .messages import find_robot
from .view import describe_connection, describe_entry, describe_page
from .world import World

STATIC = Path(__file__).parent / "static"
KEEPALIVE_S = 15.0
SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


@dataclass(slots=True)
class Page:
    """The endpoints."""

    world: World

    def routes(self) -> list[web.AbstractRouteDef]:
        """All endpoints."""
        return [
            web.get("/", self.show),
            web.get("/favicon.ico", self.show_icon),
            web.get("/sim/page", self.describe),
            web.get("/sim/live", self.watch),
            web.static("/static", STATIC),
        ]

    async def show(self, request: web.Request) -> web.StreamResponse:
        """The page itself."""
        return web.FileResponse(STATIC / "chat.html", headers=SECURITY)

    async def show_icon(self, request: web.Request) -> web.StreamResponse:
        """The page's icon."""
        return web.FileResponse(STATIC / "icon.svg", headers=SECURITY)

    async def describe(self, request: web.Request) -> web.StreamResponse:
        """What it opens with: ``?client_id=``; the first robot if none is named."""
        client_id = self._choose(request)
        return web.json_response(describe_page(self.world, client_id), dumps=dump)

    async def watch(self, request: web.Request) -> web.StreamResponse:
        """Everything that changes from now on."""
        watcher = Watcher(self._choose(request))
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )
        await response.prepare(request)
        self.world.history.watchers.add(watcher)
        try:
            await response.write(b"retry: 1000\nevent: hello\ndata: {}\n\n")
            await self._send_changes(response, watcher)
        except ConnectionError:
            return response
        finally:
            self.world.history.watchers.discard(watcher)
        return response

    async def _send_changes(self, response: web.StreamResponse, watcher: Watcher) -> None:
        while True:
            try:
                change = await asyncio.wait_for(watcher.queue.get(), KEEPALIVE_S)
            except TimeoutError:
                await response.write(b": still here\n\n")
                continue
            if change is None:
                return
            name, what = change
            data = dump(self._describe_change(watcher.client_id, name, what))
            await response.write(f"event: {name}\ndata: {data}\n\n".encode())

    def _describe_change(self, client_id: str, name: str, what: Any) -> Any:
        if isinstance(what, Entry):
            return describe_entry(self.world, what)
        return describe_connection(self.world, client_id) if name == "connection" else {}

    def _choose(self, request: web.Request) -> str:
        wanted = request.query.get("client_id", "")
        if wanted in self.world.robots:
            return wanted
        return find_robot(self.world, next(iter(self.world.robots))).client_id
