"""Surrogates: escapes of half a character in JSON ("\\udcff"), as programs write bytes that they could not read.

The parser makes bytes of them that are no text, or takes the next character into the pair; so they go before.
"""

import re
from typing import Protocol

_HALF = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_HIGH = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}")
_LENGTH = 6  # of one escape


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


def paired(text: bytes) -> bytes:
    """JSON in which every escaped half of a character is U+FFFD."""
    if b"\\ud" not in text and b"\\uD" not in text:
        return text
    return _HALF.sub(lambda found: rb"\ufffd" if found[1] else found[0], text)


class Paired:
    """`paired` of a stream, piece by piece."""

    def __init__(self, stream: _Readable) -> None:
        self._stream = stream
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        """About so many bytes; none at the end."""
        while piece := self._stream.read(size):
            piece = self._rest + piece
            end = _whole(piece)
            self._rest = piece[end:]
            if end:
                return paired(piece[:end])
        rest, self._rest = self._rest, b""
        return paired(rest)


def _whole(piece: bytes) -> int:
    """Where the escapes end of which all is there, the other half too."""
    end = len(piece)
    for _ in range(2):
        at = piece.rfind(b"\\", max(end - _LENGTH, 0), end)
        if at < 0 or _backslashes(piece, at) % 2 == 0:
            break
        cut = end - at < (_LENGTH if piece[at + 1 : at + 2] in (b"", b"u") else 2)
        if not cut and not _HIGH.fullmatch(piece, at, end):
            break
        end = at
    return end


def _backslashes(piece: bytes, at: int) -> int:
    """How many stand in a row up to this one: of an even number it is the second of its escape."""
    return at + 1 - len(piece[: at + 1].rstrip(b"\\"))
