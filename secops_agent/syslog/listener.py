"""The process: its sockets, its heartbeat, its signals, its end."""

import asyncio
import logging
import os
import signal
import socket
import ssl
import struct
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from django.conf import settings

from bifang.core.database import db
from bifang.core.errors import BifangError, ConfigError
from bifang.core.processes import process_name
from secops_agent.syslog import standing
from secops_agent.syslog.connections import ConnectionDoor, Links
from secops_agent.syslog.intake import SyslogIntake
from secops_agent.syslog.line_queue import LineQueue
from secops_agent.syslog.places import ListenPlace, TlsFiles, load_certificate, tls_context
from secops_agent.syslog.sources import SourceBook, enabled_sources, sender
from secops_agent.syslog.standing import SyslogPulse
from secops_agent.syslog.storing import SyslogWriter
from secops_agent.syslog.tallies import SyslogTallies

# UDP: a socket, and what the kernel had to drop because we did not read fast enough.

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


log = logging.getLogger(__name__)
BEAT_S: Final = 5.0
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_BUSY: Final = "无法监听 {}：{}。请检查端口是否已被占用、地址是否属于本机、低于 1024 的端口是否有权限。"


def check_places(places: Sequence[ListenPlace], tls: TlsFiles | None) -> None:
    """What can be refused before a socket is opened. Raises ConfigError."""
    if any(place.transport == "tls" for place in places) and tls is None:
        raise ConfigError(
            "--tls 需要证书和私钥：请用 --tls-cert、--tls-key，或环境变量 BIFANG_SYSLOG_TLS_CERT、BIFANG_SYSLOG_TLS_KEY 写明文件。"
        )
    public = next((place for place in places if place.is_public), None)
    if public is not None and not enabled_sources():
        raise ConfigError(
            f"{public} 别的机器也能连接，但还没有启用的 Syslog 来源：请先在管理后台「Syslog 来源」里写明哪些网段可以发来，"
            "或只监听 127.0.0.1。"
        )


class SyslogService:
    """Listens until a signal; then stores what it holds within the grace time."""

    def __init__(self, places: Sequence[ListenPlace], tls: TlsFiles | None) -> None:
        self._wanted = places
        self._tls_files = tls
        self._tls: ssl.SSLContext | None = None
        self._tls_age = 0.0
        self._links: Links = set()
        self._datagrams: list[DatagramDoor] = []
        self._connections: list[ConnectionDoor] = []
        self._places: list[str] = []
        self._tallies = SyslogTallies()

    async def run(self) -> None:
        """Raises ConfigError, DatabaseAway."""
        self._stop = asyncio.Event()
        self._listen_to_signals()
        self._queue = LineQueue()
        self._intake = SyslogIntake(SourceBook(await db.call(enabled_sources)), self._queue, self._tallies)
        self._writer = SyslogWriter(self._queue, self._tallies)
        await db.call(standing.forget_dead)
        await self._open()
        await self._beat()
        log.info("syslog 正在监听：%s", "，".join(self._places))
        writing = asyncio.create_task(self._writer.run())
        beating = asyncio.create_task(self._keep_beating())
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait([writing, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            beating.cancel()
            await self._wind_down(writing)
            stopping.cancel()
        if writing.done() and not writing.cancelled():
            writing.result()

    def _listen_to_signals(self) -> None:
        """The first ends in good order, the second at once."""

        def on_signal(number: int) -> None:
            if self._stop.is_set():
                os._exit(128 + number)
            self._stop.set()

        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, on_signal, number)

    async def _open(self) -> None:
        if self._tls_files is not None and any(place.transport == "tls" for place in self._wanted):
            self._tls = tls_context(self._tls_files)
            self._tls_age = self._certificate_age()
        for place in self._wanted:
            try:
                self._places.append(str(await self._open_place(place)))
            except OSError as error:
                raise ConfigError(_BUSY.format(place, error.strerror or error)) from None

    async def _open_place(self, place: ListenPlace) -> ListenPlace:
        if place.transport == "udp":
            door = DatagramDoor(self._intake)
            self._datagrams.append(door)
            return await door.open(place)
        link = ConnectionDoor(self._intake, self._links, self._tls if place.transport == "tls" else None)
        self._connections.append(link)
        return await link.open(place)

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            try:
                await self._beat()
                self._renew_certificate()
            except Exception:
                log.exception("syslog 写入状态失败，稍后重试")

    async def _beat(self) -> None:
        taken = self._tallies.take()
        try:
            sources = await db.call(standing.beat, self._pulse(), taken)
        except BaseException:
            self._tallies.give_back(taken)
            raise
        self._intake.book.replace(sources)

    def _pulse(self) -> SyslogPulse:
        tallies = self._tallies
        return SyslogPulse(
            process_name(), tuple(self._places), len(self._links), len(self._queue) + self._writer.held, tallies.unknown,
            dict(tallies.strangers), tallies.refused, tallies.broken, sum(door.kernel_drops() for door in self._datagrams),
        )  # fmt: skip

    def _certificate_age(self) -> float:
        files = self._tls_files
        return max(each.stat().st_mtime for each in (files.certificate, files.key)) if files else 0.0

    def _renew_certificate(self) -> None:
        """A renewed certificate holds for the connections that come."""
        if self._tls is None or self._tls_files is None:
            return
        with suppress(OSError):
            if (age := self._certificate_age()) != self._tls_age:
                self._tls_age = age
                try:
                    load_certificate(self._tls, self._tls_files)
                    log.info("syslog 已换用新的证书")
                except BifangError as error:
                    log.error("syslog 新的证书不能用，继续用原来的：%s", error.message)

    async def _wind_down(self, writing: "asyncio.Task[None]") -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + settings.STOP_GRACE_S
        self._intake.hurry()
        for door in self._datagrams:
            door.close()
        await asyncio.gather(*(each.close(settings.STOP_GRACE_S / 2) for each in self._connections))
        self._queue.close()
        if not writing.done():
            await asyncio.wait([writing], timeout=max(end - loop.time(), 0.5))
        lost = len(self._queue) + self._writer.held
        if lost:
            log.error("syslog 停止时有 %d 行没有来得及入库，已丢失", lost)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        with suppress(Exception):
            await asyncio.wait_for(self._part(), 3)
        log.info("syslog 已停止")

    async def _part(self) -> None:
        await self._beat()
        await db.call(standing.withdraw, process_name())
