"""What gathers while the database is busy goes to it together, in order, and nothing of it harms another."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from bifang.core import db
from bifang.core.batcher import Batcher
from tests.databases import Database
from tests.deadline import eventually

pytestmark = pytest.mark.both_databases


async def test_batches_of_an_ordered_batcher_never_overtake(database: Database) -> None:
    """PostgreSQL has several threads: two quick messages of one person must not swap."""
    started, release, done = threading.Event(), threading.Event(), []

    def run(items: Sequence[int]) -> list[None]:
        started.set()
        if items[0] == 1:
            release.wait(120)
        done.append(list(items))
        return [None] * len(items)

    batcher: Batcher[int, None] = Batcher(run, ordered=True)
    first = asyncio.create_task(batcher.call(1))
    await eventually(started.is_set)
    second = asyncio.create_task(batcher.call(2))
    await asyncio.sleep(0.05)
    assert done == []
    release.set()
    await asyncio.gather(first, second)
    assert done == [[1], [2]]


@pytest.mark.only_postgresql
async def test_next_batch_is_made_ready_while_one_runs_and_never_overtakes(database: Database) -> None:
    release, ready, done = threading.Event(), [], []

    def prepare(items: Sequence[int]) -> list[str]:
        ready.append(list(items))
        return [f"<{item}>" for item in items]

    def run(items: Sequence[str]) -> list[str]:
        if "<1>" in items:
            release.wait(120)
        done.extend(items)
        return list(items)

    batcher: Batcher[int, str] = Batcher(run, ordered=True, prepare=prepare)
    waiting = []
    for number in (1, 2, 3, 4):
        waiting.append(asyncio.create_task(batcher.call(number)))
        await eventually(lambda number=number: len(ready) >= min(number, 2))
    assert (ready, done) == ([[1], [2]], []), "one ahead, and no more"
    release.set()
    assert await asyncio.gather(*waiting) == done == ["<1>", "<2>", "<3>", "<4>"]
    assert ready == [[1], [2], [3, 4]]


async def test_what_cannot_be_made_ready_harms_no_other(database: Database) -> None:
    def prepare(items: Sequence[int]) -> list[int]:
        return [10 // item for item in items]

    batcher: Batcher[int, int] = Batcher(list, ordered=True, prepare=prepare)
    results = await asyncio.gather(*map(batcher.call, (1, 0, 5)), return_exceptions=True)
    assert [results[0], results[2]] == [10, 2]
    assert isinstance(results[1], ZeroDivisionError)
    assert batcher.pending == 0


async def gathered(batcher: "Batcher[int, int]", numbers: Sequence[int]) -> "list[asyncio.Task[int]]":
    """Handed over while all threads are busy elsewhere."""
    busy = threading.Event()
    for _ in range(db.threads().count):
        db.threads().submit(busy.wait, 30)
    tasks = [asyncio.create_task(batcher.call(number)) for number in numbers]
    await eventually(lambda: batcher.pending == len(numbers))
    asyncio.get_running_loop().call_later(0.05, busy.set)
    return tasks


@pytest.mark.parametrize("ordered", [True, False])
async def test_no_batch_is_larger_than_its_limit(database: Database, ordered: bool) -> None:
    batches: list[list[int]] = []

    def run(items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        return [item * 10 for item in items]

    batcher: Batcher[int, int] = Batcher(run, limit=3, ordered=ordered)
    tasks = await gathered(batcher, range(8))
    assert await asyncio.gather(*tasks) == [item * 10 for item in range(8)]
    assert sorted(batches) == [[0, 1, 2], [3, 4, 5], [6, 7]]
    await eventually(lambda: batcher.pending == 0)


async def test_who_has_gone_is_left_out(database: Database) -> None:
    done: list[int] = []

    def run(items: Sequence[int]) -> list[int]:
        done.extend(items)
        return list(items)

    batcher: Batcher[int, int] = Batcher(run)
    tasks = await gathered(batcher, range(3))
    tasks[1].cancel()
    assert await asyncio.gather(*tasks, return_exceptions=True) != [0, 1, 2]
    assert done == [0, 2]
    await eventually(lambda: batcher.pending == 0)
