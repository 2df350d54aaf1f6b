"""Waiting with a deadline, instead of sleeping."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_never = threading.Event()


def wait_until(probe: Callable[[], T], *, within: float = 10.0, every: float = 0.02, what: str = "") -> T:
    """Call `probe` until it returns something true; AssertionError after `within` seconds."""
    end = time.monotonic() + within
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {within} s: {what or probe}; last value: {value!r}")
        _never.wait(every)


async def eventually(
    probe: Callable[[], T], *, within: float = 10.0, every: float = 0.02, what: str = ""
) -> T:
    """`wait_until` for code that runs in an event loop."""
    end = time.monotonic() + within
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {within} s: {what or probe}; last value: {value!r}")
        await asyncio.sleep(every)
