"""Keeps our own calls under a remote service's limits."""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable

KEPT = 10_000  # keys remembered; the ones unused for longest go first


def share_of(limit: int, processes: int) -> int:
    """One process's part of a limit that several share; never nothing."""
    return max(limit // max(processes, 1), 1)


class Window:
    """At most `limit` passages in any `period` seconds, in order of arrival."""

    def __init__(self, limit: int, period: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._period = period
        self._clock = clock
        self._passed: deque[float] = deque()
        self._queue = asyncio.Lock()

    async def enter(self) -> None:
        """Wait until there is room, and take it."""
        async with self._queue:
            while (wait := self._wait()) > 0:  # noqa: ASYNC110 - until a time, not until an event
                await asyncio.sleep(wait)
            self._passed.append(self._clock())

    def _wait(self) -> float:
        now = self._clock()
        while self._passed and now - self._passed[0] >= self._period:
            self._passed.popleft()
        return self._passed[-self.limit] + self._period - now if len(self._passed) >= self.limit else 0.0


class Limiter:
    """A window for each key: a (robot, conversation), an (application, API)."""

    def __init__(self, limit: int, period: float, *, on: bool = True) -> None:
        self._whole = self._limit = limit
        self._period = period
        self._on = on
        self._windows: OrderedDict[Hashable, Window] = OrderedDict()

    def share(self, processes: int) -> None:
        """So many processes pass under the same keys: keep to our part."""
        self._limit = share_of(self._whole, processes)
        for window in self._windows.values():
            window.limit = self._limit

    async def enter(self, key: Hashable) -> None:
        """Wait for room under `key`; at once if limits are off."""
        if not self._on:
            return
        window = self._windows.get(key)
        if window is None:
            self._windows[key] = window = Window(self._limit, self._period)
            if len(self._windows) > KEPT:
                self._windows.popitem(last=False)
        self._windows.move_to_end(key)
        await window.enter()
