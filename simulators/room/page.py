"""The chat page: its files, what it opens with, and live updates (Server-Sent Events).

What differs between the platforms is in the module ``/own/platform.js`` of each simulator, and in its `Room`.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from simulators.history import Entry, History, Watcher
from simulators.values import dump

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


class Room(Protocol):
    """What the page shows of one simulator."""

    @property
    def platform(self) -> str:
        """Its name in Chinese."""

    @property
    def history(self) -> History:
        """Everything said."""

    def choose(self, client_id: str) -> str:
        """That application, if there is one; else the first."""

    def describe_page(self, client_id: str) -> dict[str, Any]:
        """``{robot, robots, people, conversations, entries, connection}``."""

    def describe_connection(self, client_id: str) -> dict[str, Any]:
        """``{live, draining, since, faults}``."""

    def describe_entry(self, entry: Entry) -> dict[str, Any]:
        """One bubble, with its safe HTML."""


@dataclass(slots=True)
class Page:
    """The endpoints. ``own``: files of the platform, among them ``platform.js``."""

    room: Room
    own: Path

    def routes(self) -> list[web.AbstractRouteDef]:
        """All endpoints."""
        return [
            web.get("/", self.show),
            web.get("/favicon.ico", self.show_icon),
            web.get("/sim/page", self.describe),
            web.get("/sim/live", self.watch),
            web.static("/static", STATIC),
            web.static("/own", self.own),
        ]

    async def show(self, request: web.Request) -> web.StreamResponse:
        """The page itself."""
        text = (STATIC / "chat.html").read_text(encoding="utf-8").replace("$platform", self.room.platform)
        return web.Response(text=text, content_type="text/html", headers=SECURITY)

    async def show_icon(self, request: web.Request) -> web.StreamResponse:
        """The page's icon."""
        return web.FileResponse(STATIC / "icon.svg", headers=SECURITY)

    async def describe(self, request: web.Request) -> web.StreamResponse:
        """What it opens with: ``?client_id=``; the first robot if none is named."""
        return web.json_response(self.room.describe_page(self._choose(request)), dumps=dump)

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
        self.room.history.watchers.add(watcher)
        try:
            await response.write(b"retry: 1000\nevent: hello\ndata: {}\n\n")
            await self._send_changes(response, watcher)
        except ConnectionError:
            return response
        finally:
            self.room.history.watchers.discard(watcher)
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
            return self.room.describe_entry(what)
        return self.room.describe_connection(client_id) if name == "connection" else {}

    def _choose(self, request: web.Request) -> str:
        return self.room.choose(request.query.get("client_id", ""))
