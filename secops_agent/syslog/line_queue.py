"""Lines between sockets and database: bounded, so that memory is, whatever comes."""

import asyncio
from collections import Counter, deque
from typing import Final

from secops_agent.syslog.reading import Line

MOST_LINES: Final = 20_000
MOST_BYTES: Final = 32 << 20
BATCH_LINES: Final = 500
BATCH_BYTES: Final = 2 << 20
_COST: Final = 400  # bytes that a line takes beside its own


class LineQueue:
    """For one event loop. One source may hold half of it: who floods leaves room for the others."""

    def __init__(self, most_lines: int = MOST_LINES, most_bytes: int = MOST_BYTES) -> None:
        self._most_lines, self._most_bytes = most_lines, most_bytes
        self._lines: deque[Line] = deque()
        self._bytes = 0
        self._held: Counter[int] = Counter()  # source → bytes
        self._count: Counter[int] = Counter()  # source → lines
        self._some, self._room = asyncio.Event(), asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._lines)

    def offer(self, line: Line) -> bool:
        """Take it if there is room; for what cannot wait."""
        if not self._fits(line):
            return False
        self._lines.append(line)
        self._bytes += len(line.data) + _COST
        self._held[line.source.pk] += len(line.data) + _COST
        self._count[line.source.pk] += 1
        self._some.set()
        return True

    async def put(self, line: Line) -> None:
        """Wait for room: the sender waits, too."""
        while not self.offer(line):
            self._room.clear()
            await self._room.wait()

    async def take(self) -> list[Line]:
        """What has gathered, at most a batch; empty when the queue is closed and nothing is left."""
        while not self._lines and not self._closed:
            self._some.clear()
            await self._some.wait()
        batch: list[Line] = []
        size = 0
        while self._lines and len(batch) < BATCH_LINES and size < BATCH_BYTES:
            line = self._lines.popleft()
            size += len(line.data)
            self._held[line.source.pk] -= len(line.data) + _COST
            self._count[line.source.pk] -= 1
            self._bytes -= len(line.data) + _COST
            batch.append(line)
        self._room.set()
        return batch

    def close(self) -> None:
        """Nothing more will come."""
        self._closed = True
        self._some.set()

    def _fits(self, line: Line) -> bool:
        cost = len(line.data) + _COST
        mine, count = self._held[line.source.pk] + cost, self._count[line.source.pk]
        return (
            len(self._lines) < self._most_lines
            and self._bytes + cost <= self._most_bytes
            and mine <= self._most_bytes // 2
            and count < self._most_lines // 2
        )
