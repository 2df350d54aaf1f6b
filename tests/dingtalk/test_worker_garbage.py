"""Garbage goes when nobody waits, and only then."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from dingtalk_integration.worker import garbage
from tests.deadline import eventually
from tests.jobs_aid import running


@pytest.fixture(autouse=True)
def _usual_collector() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


class Ring:
    """Nothing but the collector frees it."""

    def __init__(self) -> None:
        self.itself = self


def litter() -> "weakref.ref[Ring]":
    """Enough that a look is worth it."""
    rings = [Ring() for _ in range(garbage.FEW)]
    return weakref.ref(rings[0])


async def test_garbage_waits_for_the_end_of_a_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    burst = True
    monkeypatch.setattr(garbage, "busy", lambda: burst)
    garbage.tune()
    async with running(garbage.Sweeper(every_s=0.01)):
        ring = litter()
        await asyncio.sleep(0.1)
        assert ring() is not None
        burst = False
        await eventually(lambda: ring() is None)


async def test_what_grew_old_is_collected_at_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "busy", lambda: False)
    garbage.tune()
    old = Ring()
    ring = weakref.ref(old)
    gc.collect()  # old now
    del old
    async with running(garbage.Sweeper(every_s=0.01)):
        litter()
        await asyncio.sleep(0.1)
        assert ring() is not None, "only what is new is looked at"
    monkeypatch.setattr(garbage, "ALL_EVERY_S", 0.0)
    async with running(garbage.Sweeper(every_s=0.01)):
        await eventually(lambda: ring() is None)


async def test_in_an_endless_burst_a_limit_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "busy", lambda: True)
    garbage.tune()
    ring = litter()
    kept = [Ring() for _ in range(garbage.MANY)]
    assert ring() is None
    assert kept
