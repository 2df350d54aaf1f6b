"""One bucket for all card calls of an application, in which streaming leaves room for what must arrive."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from bifang.channels.limits import share_of

RATE: Final = 15  # DingTalk: 20 calls a second for one application and API
PERIOD: Final = 1.1  # a second, and what a call may take to arrive later than it was let through
RESERVE: Final = 5  # of RATE, for creating and completing


class Bucket:
    """At most ``rate`` passages in any ``period`` seconds."""

    def __init__(
        self,
        rate: float = RATE,  # infinite: no limit
        period: float = PERIOD,
        reserve: int = RESERVE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rate, self._period, self._reserve, self._clock = rate, period, reserve, clock
        self._passed: deque[float] = deque()
        self._queue = asyncio.Lock()
        self._waiting = 0

    async def enter(self) -> None:
        """Wait for room, in order of arrival: for what must not be dropped."""
        self._waiting += 1
        try:
            async with self._queue:
                while (wait := self._wait(self.rate)) > 0:  # noqa: ASYNC110 - until a time, not until an event
                    await asyncio.sleep(wait)
                self._passed.append(self._clock())
        finally:
            self._waiting -= 1

    def try_enter(self) -> bool:
        """Take room if nobody waits and the reserve stays free: for what the next update replaces anyway."""
        if self._waiting or self._wait(self.rate - min(self._reserve, self.rate / 2)) > 0:
            return False
        self._passed.append(self._clock())
        return True

    def _wait(self, rate: float) -> float:
        """Seconds until fewer than ``rate`` passages lie within the period."""
        now = self._clock()
        while self._passed and now - self._passed[0] >= self._period:
            self._passed.popleft()
        excess = len(self._passed) - rate
        return self._passed[int(excess)] + self._period - now if excess >= 0 else 0.0


class Buckets:
    """A bucket for each application; without limits if they are off."""

    def __init__(self, *, on: bool) -> None:
        self._rate = RATE if on else math.inf
        self._known: dict[str, Bucket] = {}

    def of(self, client_id: str) -> Bucket:
        """The application's bucket."""
        return self._known.setdefault(client_id, Bucket(self._rate))

    def share(self, processes: int) -> None:
        """So many processes make card calls for the same applications: keep to our part."""
        if self._rate == math.inf:
            return
        self._rate = share_of(RATE, processes)
        for bucket in self._known.values():
            bucket.rate = self._rate
