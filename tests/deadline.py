"""Waiting with a deadline, instead of sleeping.

``within`` is how long it takes at most on a quiet machine. A test must pass on a busy one, too, so failure is declared
only `GRACE_S` later; a test that passes waits no longer for it.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
GRACE_S = 120.0
_never = threading.Event()


def wait_until(probe: Callable[[], T], *, within: float = 10.0, every: float = 0.02, what: str = "") -> T:
    """Call `probe` until it returns something true; AssertionError after the deadline."""
    end = time.monotonic() + within + GRACE_S
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {within + GRACE_S} s: {what or probe}; last value: {value!r}")
        _never.wait(every)


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
