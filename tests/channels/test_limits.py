"""Our own calls stay under a remote service's limits, in order of arrival."""

import asyncio
import contextlib
import time

import pytest

from bifang.channels.limits import Limiter, Window


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def passes(window: Window) -> bool:
    try:
        await asyncio.wait_for(window.enter(), 0.01)
    except TimeoutError:
        return False
    return True


async def test_window_lets_so_many_through_and_then_none() -> None:
    clock = Clock()
    window = Window(3, 60, clock)
    assert [await passes(window) for _ in range(4)] == [True, True, True, False]
    clock.now += 59.9
    assert not await passes(window)
    clock.now += 0.2
    assert [await passes(window) for _ in range(4)] == [True, True, True, False]


@pytest.mark.slow
async def test_no_period_ever_holds_more_than_the_limit() -> None:
    window, times = Window(5, 0.2), []
    for _ in range(20):
        await window.enter()
        times.append(time.monotonic())
    assert all(later - earlier >= 0.19 for earlier, later in zip(times, times[5:], strict=False))


async def test_waiting_is_in_order_of_arrival() -> None:
    window, order = Window(1, 0.02), []

    async def enter(number: int) -> None:
        await window.enter()
        order.append(number)

    await asyncio.gather(*(enter(number) for number in range(5)))
    assert order == list(range(5))


async def test_cancelled_waiter_takes_no_room() -> None:
    clock = Clock()
    window = Window(1, 60, clock)
    await window.enter()
    assert not await passes(window)
    clock.now += 61
    assert await passes(window)


@pytest.mark.parametrize("on", [True, False])
async def test_keys_have_windows_of_their_own_and_off_means_off(on: bool) -> None:
    limiter = Limiter(1, 60, on=on)
    await limiter.enter("a")
    await limiter.enter("b")
    try:
        await asyncio.wait_for(limiter.enter("a"), 0.02)
        passed = True
    except TimeoutError:
        passed = False
    assert passed is not on


async def test_processes_that_share_a_limit_keep_to_their_parts() -> None:
    """A colleague who comes later halves the windows that are open, too; one who goes gives them back."""
    limiter = Limiter(4, 60)

    async def passed(key: str) -> int:
        count = 0
        with contextlib.suppress(TimeoutError):
            while True:
                await asyncio.wait_for(limiter.enter(key), 0.01)
                count += 1
        return count

    await limiter.enter("a")
    limiter.share(2)
    assert (await passed("a"), await passed("b")) == (1, 2)
    limiter.share(9)
    assert await passed("c") == 1
    limiter.share(1)
    assert (await passed("a"), await passed("c")) == (2, 3)
