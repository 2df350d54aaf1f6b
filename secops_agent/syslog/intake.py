"""What every transport does with a line: whose is it, may it come, and off it goes to the queue."""

import asyncio
from contextlib import suppress
from typing import Final

from django.utils import timezone

from secops_agent.syslog.framing import LONGEST, SyslogFrame
from secops_agent.syslog.line_queue import LineQueue
from secops_agent.syslog.reading import Line
from secops_agent.syslog.sources import SourceBook, SourceSettings
from secops_agent.syslog.tallies import SyslogTallies

_TRAILERS: Final = b"\r\n\0"


class SyslogIntake:
    """What comes by UDP is dropped and counted where it is too much; who sends by TCP or TLS is made to wait."""

    def __init__(self, book: SourceBook, queue: LineQueue, tallies: SyslogTallies) -> None:
        self.book = book
        self.tallies = tallies
        self._queue = queue
        self._hurried = asyncio.Event()

    def hurry(self) -> None:
        """The process ends: what has been read already is not held back any more."""
        self._hurried.set()

    def take_datagram(self, data: bytes, address: str) -> None:
        """One datagram is one line (RFC 5426)."""
        source = self.book.find(address)
        if source is None:
            self.tallies.note_stranger(address)
            return
        data = data.rstrip(_TRAILERS)
        if not data:
            return
        line = _line(source, address, SyslogFrame(data[:LONGEST], len(data)))
        self.tallies.note(source.pk, "lines", line.received_at)
        if self.book.limit(source, "datagrams").wait():
            self.tallies.note(source.pk, "over_rate", line.received_at)
        elif not self._queue.offer(line):
            self.tallies.note(source.pk, "queue_full", line.received_at)

    async def take_frame(self, frame: SyslogFrame, address: str) -> bool:
        """Wait until it may come; False if the address belongs to no source any more."""
        source = self.book.find(address)
        if source is None:
            self.tallies.note_stranger(address)
            return False
        line = _line(source, address, frame)
        self.tallies.note(source.pk, "lines", line.received_at)
        limit = self.book.limit(source, "connections")
        while not self._hurried.is_set() and (seconds := limit.wait()):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurried.wait(), seconds)
        await self._queue.put(line)
        return True


def _line(source: SourceSettings, address: str, frame: SyslogFrame) -> Line:
    return Line(source, address, frame.data, frame.size, timezone.now())
