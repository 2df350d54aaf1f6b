"""Frames of a TCP or TLS connection (RFC 6587): counted octets, or lines; told apart once, at the first bytes.

A line ends with LF; also with NUL, where the first line of the connection did (Sangfor SIP sends nothing else).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

LONGEST: Final = 64 * 1024  # bytes of a line that are kept
HUGEST: Final = 1024 * 1024  # a count above is no length of a line
_COUNT: Final = re.compile(rb"([1-9][0-9]{0,6}) ")
_COUNTED: Final = re.compile(rb"[1-9][0-9]{0,6} <")
_MAY_COUNT: Final = re.compile(rb"[1-9][0-9]{0,6} ?")
_TRAILERS: Final = b"\r\n\0"


class BrokenFraming(Exception):
    """The connection cannot be read any further: where the next frame begins is not known."""


@dataclass(frozen=True, slots=True)
class SyslogFrame:
    """One line; ``size`` is its whole length, more than `data` holds if it was cut."""

    data: bytes
    size: int


class Framer:
    """Bytes in, whole frames out. Never holds more than `longest` bytes and what it was fed last."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._counted: bool | None = None
        self._by_nul: bool | None = None
        self._buffer = bytearray()
        self._searched = 0  # no line end before this place
        self._dropped = 0  # of the line that is open
        self._kept = bytearray()  # of the counted frame that is open
        self._size = self._left = 0

    @property
    def pending(self) -> bool:
        """A frame has begun and is not complete."""
        return bool(self._buffer or self._left)

    def feed(self, data: bytes) -> Iterator[SyslogFrame]:
        """The frames that are complete now. Raises BrokenFraming."""
        self._buffer += data
        if self._counted is None:
            self._counted = _is_counted(bytes(self._buffer[:9]))
        if self._counted is not None:
            yield from self._counts() if self._counted else self._lines()

    def finish(self) -> Iterator[SyslogFrame]:
        """What was left unfinished when the connection ended; a counted one is marked as cut."""
        if self._left and self._kept:
            yield SyslogFrame(bytes(self._kept), self._size)
        elif self._counted is not True and self._buffer:
            yield from self._line(len(self._buffer))

    def _lines(self) -> Iterator[SyslogFrame]:
        while (end := self._line_end()) >= 0:
            yield from self._line(end)
        over = max(len(self._buffer) - self._longest, 0)
        if over:
            self._dropped += over
            del self._buffer[self._longest :]
        self._searched = len(self._buffer)

    def _line_end(self) -> int:
        """Where NUL ends none it is part of a message, and perhaps a stranger's: no other line begins behind it."""
        feed = nul = self._buffer.find(b"\n", self._searched)
        if self._by_nul is not False:
            nul = self._buffer.find(b"\0", self._searched, feed if feed >= 0 else len(self._buffer))
        end = nul if nul >= 0 else feed
        if self._by_nul is None and end >= 0:
            self._by_nul = self._buffer[end] == 0
        return end

    def _line(self, end: int) -> Iterator[SyslogFrame]:
        size = len(self._buffer[:end].rstrip(_TRAILERS)) + self._dropped
        line = bytes(self._buffer[: min(end, self._longest)]).strip(_TRAILERS)
        del self._buffer[: end + 1]
        self._searched = self._dropped = 0
        if line:
            yield SyslogFrame(line, size if size > self._longest else len(line))

    def _counts(self) -> Iterator[SyslogFrame]:
        while self._buffer:
            if not self._left and not self._open():
                return
            piece = min(self._left, len(self._buffer))
            self._kept += self._buffer[: min(piece, self._longest - len(self._kept))]
            del self._buffer[:piece]
            self._left -= piece
            if not self._left:
                yield self._whole()
                self._kept.clear()

    def _whole(self) -> SyslogFrame:
        """rsyslog's templates count a LF at the end, too: to leave it out cuts nothing."""
        data = bytes(self._kept).rstrip(_TRAILERS)
        return SyslogFrame(data, self._size if self._size > self._longest else len(data))

    def _open(self) -> bool:
        """Read a count; False if it is not there yet."""
        while self._buffer.startswith((b"\n", b"\r")):  # some senders end their frames, too
            del self._buffer[:1]
        found = _COUNT.match(self._buffer)
        if found is None:
            if self._buffer and not _MAY_COUNT.fullmatch(self._buffer):
                raise BrokenFraming("这里应当是下一行的字节数")
            return False
        self._size = self._left = int(found[1])
        if self._size > HUGEST:
            raise BrokenFraming(f"一行不会有 {self._size} 字节")
        del self._buffer[: found.end()]
        return True


def _is_counted(head: bytes) -> bool | None:
    """Does a connection that begins so count octets? None while it may still become either."""
    if not head:
        return None
    if _COUNTED.match(head):
        return True
    return None if _MAY_COUNT.fullmatch(head) else False
