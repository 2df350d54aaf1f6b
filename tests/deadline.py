"""Waiting with a deadline, instead of sleeping.

``within`` is how long it takes at most on a quiet machine. A test must pass on a busy one, too, so failure is declared
only `GRACE_S` later; a test that passes waits no longer for it. Who does not say how often to look looks less often the
longer it lasts: every look costs the processor that is waited for.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
GRACE_S = 120.0
OFTEN_S, SELDOM_S = 0.02, 0.15
_never = threading.Event()


def wait_until(
    probe: Callable[[], T], *, within: float = 10.0, every: float | None = None, what: str = ""
) -> T:
    """Call `probe` until it returns something true; AssertionError after the deadline."""
    end, pause = time.monotonic() + within + GRACE_S, every or OFTEN_S
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {within + GRACE_S} s: {what or probe}; last value: {value!r}")
        _never.wait(pause)
        pause = every or min(pause * 1.2, SELDOM_S)


async def eventually(
    probe: Callable[[], T], *, within: float = 10.0, every: float = 0.02, what: str = ""
) -> T:
    """`wait_until` for code that runs in an event loop."""
    end = time.monotonic() + within + GRACE_S
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {within + GRACE_S} s: {what or probe}; last value: {value!r}")
        await asyncio.sleep(every)
