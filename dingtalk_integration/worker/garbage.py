"""Python's garbage collector, made to choose its moment: in a burst it would stop everybody for 10 ms and find nothing."""

import asyncio
import gc
import time
from contextlib import suppress
from typing import Final

from bifang.channels.engine import busy

EVERY_S: Final = 1.0
FEW: Final = 5_000  # new objects that are not worth a look
MANY: Final = 200_000  # new objects that are looked through at once, busy or not
ALL_EVERY_S: Final = 600.0


def tune() -> None:
    """Once everything is imported: that stays, and looking through it again and again costs up to 90 ms each time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(MANY, 20, 20)


class Sweeper:
    """Collects what went round in circles while nobody waits; a job of the turn loop."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._all_at = time.monotonic() + ALL_EVERY_S

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        while not stop.is_set():
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop.wait(), self._every_s)
            if not busy():
                self._sweep()

    def _sweep(self) -> None:
        if time.monotonic() >= self._all_at:
            gc.collect()
            self._all_at = time.monotonic() + ALL_EVERY_S
        elif gc.get_count()[0] >= FEW:
            gc.collect(1)
