"""Payloads that come in several frames (facts: ``sum``, ``seq``): the bytes of a message, put together again."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from feishu_integration.stream.frames import WireFrame

PATIENCE_S: Final = 5.0
MOST_PARTS, MOST_OPEN, MOST_BYTES = 1000, 200, 8 * 1024 * 1024
MOST_HELD: Final = 4 * MOST_BYTES  # bytes of all that wait for their rest


@dataclass(slots=True)
class _Pieces:
    total: int
    begun: float
    found: dict[int, bytes] = field(default_factory=dict)
    size: int = 0  # bytes so far


class Splits:
    """What has not come whole within 5 s is dropped: it was not acknowledged, and comes again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[str, _Pieces] = {}

    def add(self, frame: WireFrame) -> bytes | None:
        """The whole payload, with the frame that completes it; None until then, and for a part that cannot be."""
        total, place = _number(frame.header("sum"), 1), _number(frame.header("seq"), 0)
        payload = frame.payload or b""
        if total <= 1:
            return payload
        if not 0 <= place < total <= MOST_PARTS:
            return None
        pieces = self._pieces(frame.header("message_id"), total)
        pieces.size += len(payload) - len(pieces.found.get(place, b""))
        pieces.found[place] = payload
        if pieces.size > MOST_BYTES:
            del self._open[frame.header("message_id")]
            return None
        if len(pieces.found) < pieces.total:
            self._make_room()
            return None
        del self._open[frame.header("message_id")]
        return b"".join(pieces.found[place] for place in range(pieces.total))

    def _pieces(self, ident: str, total: int) -> _Pieces:
        now = self._clock()
        for late in [key for key, one in self._open.items() if now - one.begun > PATIENCE_S]:
            del self._open[late]
        if ident in self._open and self._open[ident].total != total:
            del self._open[ident]
        while len(self._open) >= MOST_OPEN and ident not in self._open:
            del self._open[next(iter(self._open))]
        return self._open.setdefault(ident, _Pieces(total, now))

    def _make_room(self) -> None:
        """The oldest give way."""
        held = sum(one.size for one in self._open.values())
        while held > MOST_HELD:
            held -= self._open.pop(next(iter(self._open))).size


def _number(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else default
