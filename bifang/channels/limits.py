"""Keeps our own calls under a remote service's limits."""

import asyncio
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable

KEPT = 10_000  # keys remembered; the ones unused for longest go first


class Window:
    """At most `limit` passages in any `period` seconds; no limit if it is infinite."""

    def __init__(
        self,
        limit: float,
        period: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        reserve: float = 0,
    ) -> None:
        self.limit = limit
        self._period = period
        self._clock = clock
        self._reserve = reserve
        self._passed: deque[float] = deque()
        self._queue = asyncio.Lock()
        self._waiting = 0

    async def enter(self) -> None:
        """Wait until there is room, in order of arrival, and take it."""
        self._waiting += 1
        try:
            async with self._queue:
                while (wait := self._wait(self.limit)) > 0:  # noqa: ASYNC110 - until a time, not until an event
                    await asyncio.sleep(wait)
                self._passed.append(self._clock())
        finally:
            self._waiting -= 1

    def try_enter(self) -> bool:
        """Take room if nobody waits and the reserve stays free: for what the next call replaces anyway."""
        if self._waiting or self._wait(self.limit - min(self._reserve, self.limit / 2)) > 0:
            return False
        self._passed.append(self._clock())
        return True

    def _wait(self, limit: float) -> float:
        """Seconds until fewer than `limit` passages lie within the period."""
        now = self._clock()
        while self._passed and now - self._passed[0] >= self._period:
            self._passed.popleft()
        excess = len(self._passed) - limit
        return self._passed[int(excess)] + self._period - now if excess >= 0 else 0.0


class Limiter:
    """A window for each key: a (robot, conversation), an (application, API). ``reserve``: see `Window.try_enter`."""

    def __init__(self, limit: int, period: float, *, on: bool = True, reserve: int = 0) -> None:
        self._whole = limit
        self._limit = limit if on else math.inf
        self._period = period
        self._reserve = reserve
        self._windows: OrderedDict[Hashable, Window] = OrderedDict()

    def share(self, processes: int) -> None:
        """So many processes pass under the same keys: keep to our part, which is never nothing."""
        if self._limit == math.inf:
            return
        self._limit = max(self._whole // max(processes, 1), 1)
        for window in self._windows.values():
            window.limit = self._limit

    def of(self, key: Hashable) -> Window:
        """The window of a key."""
        window = self._windows.get(key)
        if window is None:
            self._windows[key] = window = Window(self._limit, self._period, reserve=self._reserve)
            if len(self._windows) > KEPT:
                self._windows.popitem(last=False)
        self._windows.move_to_end(key)
        return window

    async def enter(self, key: Hashable) -> None:
        """Wait for room under `key`; at once if limits are off."""
        if self._limit != math.inf:
            await self.of(key).enter()
