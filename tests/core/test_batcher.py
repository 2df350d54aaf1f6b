"""What gathers while a batch is at the database goes to it together, in order, and nothing of it harms another."""

import asyncio
import threading
from collections.abc import Callable, Sequence

import pytest
from django.db import OperationalError

from bifang.core.database import db
from bifang.core.database.batcher import Batcher
from tests.databases import Database

pytestmark = pytest.mark.both_databases("every test")


class Work:
    """Batches as they came to the database; the first one waits for `release`."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.started, self.release = threading.Event(), threading.Event()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.started.set()
        self.release.wait(30)
        return [item * 10 for item in items]


async def ask(batcher: "Batcher[int, int]", work: Work, count: int) -> "list[asyncio.Task[int]]":
    """The first item is at the database while the others come."""
    tasks = [asyncio.create_task(batcher.call(0))]
    await asyncio.to_thread(work.started.wait, 30)
    tasks += [asyncio.create_task(batcher.call(number)) for number in range(1, count)]
    await asyncio.sleep(0)
    return tasks


async def test_what_gathers_goes_together_in_order_and_none_overtakes(database: Database) -> None:
    """PostgreSQL has several threads: two quick messages of one person must not swap."""
    work = Work()
    tasks = await ask(Batcher(work), work, 5)
    await asyncio.sleep(0.05)
    assert work.batches == [[0]]
    work.release.set()
    assert await asyncio.gather(*tasks) == [0, 10, 20, 30, 40]
    assert work.batches == [[0], [1, 2, 3, 4]]


async def test_no_batch_is_larger_than_its_limit(database: Database) -> None:
    work = Work()
    tasks = await ask(Batcher(work, limit=3), work, 9)
    work.release.set()
    assert await asyncio.gather(*tasks) == [item * 10 for item in range(9)]
    assert work.batches == [[0], [1, 2, 3], [4, 5, 6], [7, 8]]


async def test_who_has_gone_is_left_out(database: Database) -> None:
    work = Work()
    tasks = await ask(Batcher(work), work, 4)
    tasks[2].cancel()
    await asyncio.sleep(0)
    work.release.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert work.batches == [[0], [1, 3]]


async def test_bad_item_fails_alone(database: Database) -> None:
    def divide(items: Sequence[int]) -> list[int]:
        return [10 // item for item in items]

    batcher: Batcher[int, int] = Batcher(divide)
    results = await asyncio.gather(*map(batcher.call, (1, 0, 5)), return_exceptions=True)
    assert [results[0], results[2]] == [10, 2]
    assert isinstance(results[1], ZeroDivisionError)
    assert await batcher.call(2) == 5


async def test_database_that_is_away_is_asked_once_for_all(database: Database) -> None:
    work, asked = Work(), list[int]()

    def away(items: Sequence[int]) -> list[int]:
        if work.started.is_set():
            asked.append(len(items))
            raise OperationalError("gone")
        return work(items)

    tasks = await ask(Batcher(away), work, 4)
    work.release.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results[0] == 0
    assert [type(one) for one in results[1:]] == [OperationalError] * 3
    assert asked == [3]


async def test_callers_of_other_loops_are_answered(database: Database) -> None:
    batcher: Batcher[int, int] = Batcher(list)
    found = await asyncio.gather(*(asyncio.to_thread(asyncio.run, batcher.call(n)) for n in range(5)))
    assert found == list(range(5))
    assert await db.call(lambda: "still at work") == "still at work"


class Unlocking:
    """A lock; calls ``then`` each time just after it was let go."""

    def __init__(self, then: Callable[[], None]) -> None:
        self._lock, self._then = threading.Lock(), then

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        self._then()


async def test_who_comes_just_when_the_last_batch_has_ended_starts_one_batch_and_not_two() -> None:
    """Two at a time could swap two messages of one person."""
    started: list[Callable[[], None]] = []
    batcher: Batcher[int, int] = Batcher(list, submit=started.append)
    late = batcher.call(2)

    def come() -> None:
        if started and not batcher._at_work:
            late.send(None)

    first = asyncio.create_task(batcher.call(1))
    await asyncio.sleep(0)
    batcher._lock = Unlocking(come)  # type: ignore[assignment]
    started[0]()
    assert await first == 1
    assert len(started) == 2, "one for each item"
    late.close()
