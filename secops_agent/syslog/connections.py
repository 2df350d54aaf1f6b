"""TCP and TLS: connections of known sources only, bounded in number and in patience."""

import asyncio
import logging
import socket
import ssl
import time
from collections import Counter
from contextlib import suppress
from typing import Any, Final, cast

from secops_agent.syslog.framing import BrokenFraming, Framer
from secops_agent.syslog.intake import SyslogIntake
from secops_agent.syslog.places import ListenPlace
from secops_agent.syslog.sources import sender

log = logging.getLogger(__name__)
MOST: Final = 500
MOST_OF_ONE: Final = 100  # from one address
HANDSHAKE_S: Final = 10.0
PARTIAL_S: Final = 30.0  # for a line that has begun
IDLE_S: Final = 86_400.0  # dead peers are found out by TCP itself within minutes
_EVICTABLE_S: Final = 60.0
_CHUNK: Final = 1 << 16


class _Link(asyncio.Protocol):
    """One connection: what has come and was not taken yet, at most about two chunks."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.at = time.monotonic()  # of the last bytes
        self.transport: asyncio.Transport | None = None
        self._data = bytearray()
        self._ended = False
        self._news = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """After the handshake."""
        self.transport = cast("asyncio.Transport", transport)
        if self._ended:
            self.transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        """Keep it; the sender waits when it is much."""
        self._data += data
        self.at = time.monotonic()
        if len(self._data) > _CHUNK and self.transport is not None:
            self.transport.pause_reading()
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed or reset: what has come still counts."""
        self.end()

    def end(self) -> None:
        """Nothing more is taken in."""
        self._ended = True
        if self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()
        self._news.set()

    async def read(self, seconds: float) -> bytes:
        """What has come since the last time; empty at the end. Raises TimeoutError."""
        if not self._data and not self._ended:
            self._news.clear()
            await asyncio.wait_for(self._news.wait(), seconds)
        data = bytes(self._data)
        self._data.clear()
        if self.transport is not None and not self._ended and not self.transport.is_closing():
            self.transport.resume_reading()
        return data


class ConnectionDoor:
    """One listening socket and its connections. Limits hold for all doors that share `links`."""

    def __init__(self, intake: SyslogIntake, links: "set[_Link]", tls: ssl.SSLContext | None = None) -> None:
        self._intake = intake
        self._links = links
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()
        self._socket: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._closing = False

    async def open(self, place: ListenPlace) -> ListenPlace:
        """Listen; returns the place with its real port. Raises OSError."""
        family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
        self._socket = socket.create_server((place.host, place.port), family=family, backlog=256)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _CHUNK)  # connections inherit it
        self._accepting = asyncio.create_task(self._accept())
        return ListenPlace(place.transport, place.host, self._socket.getsockname()[1])

    async def close(self, seconds: float) -> None:
        """Accept no more, hand over what was received, end the connections within so many seconds."""
        self._closing = True
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
        if self._socket is not None:
            self._socket.close()
        for link in self._links:
            link.end()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _accept(self) -> None:
        assert self._socket is not None
        loop = asyncio.get_running_loop()
        while True:
            try:
                peer, where = await loop.sock_accept(self._socket)
            except OSError as error:  # too many files, a connection that is gone already
                log.warning("syslog 无法接受连接：%s", error.strerror)
                await asyncio.sleep(0.5)
                continue
            self._admit(peer, sender(where[0]))

    def _admit(self, peer: socket.socket, address: str) -> None:
        """Before the handshake: strangers and crowds cost nothing."""
        if self._intake.book.find(address) is None:
            self._intake.tallies.note_stranger(address)
            peer.close()
        elif not self._has_room(address):
            self._intake.tallies.refused += 1
            peer.close()
        else:
            link = _Link(address)
            self._links.add(link)
            task = asyncio.create_task(self._serve(peer, link))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _has_room(self, address: str) -> bool:
        if Counter(link.address for link in self._links)[address] >= MOST_OF_ONE:
            return False
        if len(self._links) < MOST:
            return True
        oldest = min(self._links, key=lambda link: link.at)
        if time.monotonic() - oldest.at < _EVICTABLE_S or oldest.transport is None:
            return False
        oldest.transport.abort()
        return True

    async def _serve(self, peer: socket.socket, link: _Link) -> None:
        try:
            await self._open_link(peer, link)
            await self._read(link)
        except (BrokenFraming, TimeoutError) as error:
            self._intake.tallies.broken += 1
            why = str(error) if isinstance(error, BrokenFraming) else "一行没有按时传完"
            log.info("syslog 断开 %s：%s", link.address, why)
        except (OSError, ssl.SSLError):
            self._intake.tallies.broken += 1  # reset by the peer, or no proper handshake
        finally:
            self._links.discard(link)
            if link.transport is not None:
                link.transport.close()
            else:
                peer.close()

    async def _open_link(self, peer: socket.socket, link: _Link) -> None:
        peer.setblocking(False)
        _find_dead_peers(peer)
        options: dict[str, Any] = (
            {"ssl": self._tls, "ssl_handshake_timeout": HANDSHAKE_S} if self._tls else {}
        )
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: link, peer, **options)
        if self._closing:
            link.end()

    async def _read(self, link: _Link) -> None:
        """Frame by frame until the end, a fault, or a line that takes too long."""
        framer, begun = Framer(), time.monotonic()
        while True:
            patience = begun + PARTIAL_S - time.monotonic() if framer.pending else IDLE_S
            data = await link.read(max(patience, 0.001))
            if not data:
                break
            if not framer.pending:
                begun = time.monotonic()
            for frame in framer.feed(data):
                if not await self._intake.take_frame(frame, link.address):
                    return
                begun = time.monotonic()
        for frame in framer.finish():
            await self._intake.take_frame(frame, link.address)


def _find_dead_peers(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        with suppress(OSError):
            if hasattr(socket, name):
                peer.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


Links = set[_Link]
