"""A simulator in a thread with its own event loop, and plain HTTP to it."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, Self

import httpx

logging.getLogger("httpx").setLevel(logging.WARNING)  # polling would fill the reports of failed tests


class Server(Protocol):
    """What a simulator is, here."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class ServerHandle:
    """HTTP to a simulator, closed at the end of its block."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.http = httpx.Client(base_url=base_url, timeout=120, trust_env=False)

    def get(self, path: str, **params: Any) -> Any:
        """GET, as JSON; raises unless 2xx."""
        response = self.http.get(path, params=params)
        response.raise_for_status()
        return response.json()

    def post(self, path: str, body: Any) -> Any:
        """POST JSON, answer as JSON; raises unless 2xx."""
        response = self.http.post(path, json=body)
        response.raise_for_status()
        return response.json()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.http.close()


@contextmanager
def in_thread(server: Server) -> Iterator[None]:
    """Serve for the length of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="simulator", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(120)
        try:
            yield
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result(120)
            # Until what was still being written is out, and its socket closed.
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0.05), loop).result(120)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(120)
        loop.close()
