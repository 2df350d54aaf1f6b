"""Clients that hold connections: six kinds, without end, each of them coming back when it is cut off."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

HOST = "127.0.0.1"
LARGE: Final = b"/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"
_LOGIN = (
    b"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nCookie: csrftoken=" + b"a" * 32 + b"\r\n"
    b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: %d\r\n\r\n"
)
_FORM = b'--x\r\nContent-Disposition: form-data; name="username"\r\n\r\n'


@dataclass
class Line:
    """One connection of a hostile client."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """All of it."""
        self.writer.write(data)
        await self.writer.drain()

    async def wait_for_end(self) -> None:
        """Until the server closes."""
        while await self.reader.read(65_536):
            pass


async def half_head(line: Line) -> None:
    """Begins, and never ends."""
    await line.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-More: ")
    await line.wait_for_end()


async def half_body(line: Line) -> None:
    """90 KB are promised, and a line comes."""
    await line.send(_LOGIN % 90_000 + _FORM)
    await line.wait_for_end()


async def huge_length(line: Line) -> None:
    """200 MB are promised by somebody who is not logged in."""
    await line.send(_LOGIN % 200_000_000 + _FORM)
    await line.wait_for_end()


async def slow_reader(line: Line) -> None:
    """Asks for a large file, and reads none of it."""
    await line.send(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % LARGE)
    while not line.writer.is_closing():
        await asyncio.sleep(1)
        line.writer.write(b"\r\n")  # notices the end


async def idle(line: Line) -> None:
    """One request, then nothing on a connection that stays."""
    await line.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await line.wait_for_end()


async def drip(line: Line) -> None:
    """A head and a body, byte by byte."""
    end = asyncio.ensure_future(line.wait_for_end())
    for byte in _LOGIN % 5_000 + b"a" * 5_000:
        if end.done():
            return
        await line.send(bytes([byte]))
        await asyncio.sleep(0.5)
    await end


KINDS: Final[dict[str, Callable[[Line], Coroutine[Any, Any, None]]]] = {
    "半个请求头": half_head, "半个请求体": half_body, "声称极长": huge_length, "只要不读": slow_reader, "空闲长连接": idle,
    "逐字节": drip,
}  # fmt: skip


@dataclass
class Crowd:
    """All hostile connections to one port."""

    port: int
    opened: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))

    async def run(self, each: dict[str, int]) -> None:
        """So many of each kind at any time, until cancelled."""
        await asyncio.gather(*(self._haunt(kind) for kind, count in each.items() for _ in range(count)))

    async def _haunt(self, kind: str) -> None:
        while True:
            with contextlib.suppress(OSError):
                async with _connected(self.port) as line:
                    self.opened[kind] += 1
                    await KINDS[kind](line)
            await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def _connected(port: int) -> AsyncIterator[Line]:
    """A connection that takes little at a time."""
    wire = socket.socket()
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    wire.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(wire, (HOST, port))
    except BaseException:
        wire.close()
        raise
    reader, writer = await asyncio.open_connection(sock=wire, limit=4096)
    try:
        yield Line(reader, writer)
    finally:
        writer.transport.abort()


@contextmanager
def besieged(port: int, each: dict[str, int]) -> Iterator[Crowd]:
    """While the context lasts, so many hostile connections of each kind, run by a thread of their own."""
    crowd, loop = Crowd(port), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    running = asyncio.run_coroutine_threadsafe(crowd.run(each), loop)
    try:
        yield crowd
    finally:
        running.cancel()
        asyncio.run_coroutine_threadsafe(_settle(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _settle() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
