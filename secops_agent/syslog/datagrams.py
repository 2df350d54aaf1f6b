"""UDP: a socket, and what the kernel had to drop because we did not read fast enough."""

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Any, Final

from secops_agent.syslog.intake import SyslogIntake
from secops_agent.syslog.places import ListenPlace
from secops_agent.syslog.sources import sender

_BUFFER: Final = 8 << 20  # asked for; net.core.rmem_max decides
_SO_MEMINFO: Final = 55  # Linux: nine counters, the last one of which tells the datagrams dropped
_DROPS: Final = 8


class DatagramDoor(asyncio.DatagramProtocol):
    """Takes datagrams until it is closed."""

    def __init__(self, intake: SyslogIntake) -> None:
        self._intake = intake
        self._socket: socket.socket | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._last_drops = 0

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """One line."""
        self._intake.take_datagram(data, sender(addr[0]))

    async def open(self, place: ListenPlace) -> ListenPlace:
        """Bind; returns the place with its real port. Raises OSError."""
        family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_DGRAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            bound.setblocking(False)
            if family == socket.AF_INET6:
                bound.setsockopt(
                    socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1
                )  # as for TCP: IPv4 is said by itself
            bound.bind((place.host, place.port))
        except OSError:
            bound.close()
            raise
        loop = asyncio.get_running_loop()
        self._socket = bound
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=bound)
        return ListenPlace(place.transport, place.host, bound.getsockname()[1])

    def close(self) -> None:
        """Take what the socket holds, then no more."""
        if self._socket is not None and self._transport is not None and not self._transport.is_closing():
            with suppress(OSError):
                for _ in range(10_000):
                    data, address = self._socket.recvfrom(65_535)
                    self.datagram_received(data, address)
            self.kernel_drops()
            self._transport.close()

    def kernel_drops(self) -> int:
        """Datagrams that the kernel dropped since the socket was opened; only Linux tells."""
        with suppress(OSError, struct.error):
            if self._socket is not None and self._socket.fileno() >= 0:
                facts = self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36)
                self._last_drops = struct.unpack("9I", facts)[_DROPS]
        return self._last_drops
