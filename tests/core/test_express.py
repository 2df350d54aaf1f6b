"""What comes alone goes without a thread, and through one wherever that cannot be."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import closing, suppress
from typing import Any

import psycopg
import pytest

from bifang.core import db
from bifang.core.batcher import Batcher
from bifang.core.express import lines
from bifang.core.express import postgres as express_postgres
from bifang.core.express.errand import Errand, Found, Step
from bifang.core.express.lines import Line
from bifang.core.models import Switch
from tests.databases import Database
from tests.deadline import eventually
from tests.lines_aid import ask, line_of_loop

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("database")]
TABLE = Switch._meta.db_table


@pytest.fixture
async def line(database: Database) -> AsyncIterator[Line]:
    async with line_of_loop() as made:
        yield made


def naming(*names: str | None) -> Errand[list[str]]:
    """One row a name, in one transaction; gives the names back."""
    sql = f'INSERT INTO {TABLE} (name, "on", changed_at) VALUES (%(name)s, FALSE, CURRENT_TIMESTAMP) RETURNING name'
    steps = [Step(sql, {"name": name}) for name in names]
    return Errand(steps, lambda found: [name for rows in found for (name,) in rows])


def names() -> list[str]:
    return sorted(Switch.objects.values_list("name", flat=True))


async def test_steps_are_one_transaction(line: Line) -> None:
    assert await ask(line, naming("a", "b%'\\")) == ["a", "b%'\\"]
    assert await ask(line, naming("c", "a", "d")) is None, "there is an a"
    assert await ask(line, naming("e")) == ["e"]
    assert await db.call(names) == ["a", "b%'\\", "e"]


async def test_values_come_back_as_they_are(line: Line) -> None:
    cast = "::{}" if await db.call(db.on_postgresql) else ""
    kinds = {"n": ("bigint", 2**40), "t": ("text", "字 🐦"), "o": ("text", None)}
    places = ", ".join(f"%({name})s{cast.format(kind)}" for name, (kind, _) in kinds.items())
    step = Step(f"SELECT {places}, 100 %% 7", {name: value for name, (_, value) in kinds.items()})
    assert await ask(line, Errand([step], lambda found: found)) == [[(2**40, "字 🐦", None, 2)]]


async def test_nothing_after_a_decisive_step_without_rows_on_sqlite(line: Line) -> None:
    if await db.call(db.on_postgresql):
        return  # there the texts see to it: `lone`
    nothing = Step(f"SELECT 1 FROM {TABLE} WHERE name = 'nobody'", {}, decisive=True)
    errand = Errand([nothing, *naming("a").steps], lambda found: found)
    assert await ask(line, errand) == [[], []]
    assert await db.call(names) == []


class Counted:
    """A batcher of names that tells which went through a thread."""

    def __init__(self, **options: Any) -> None:
        self.threaded: list[str] = []
        self.batcher: Batcher[str, str] = Batcher(
            self._write, ordered=True, alone=lambda name: naming(name).then(lambda got: got[0]), **options
        )

    def _write(self, items: Sequence[str]) -> list[str]:
        Switch.objects.bulk_create(Switch(name=name) for name in items)
        self.threaded += items
        return list(items)

    async def ready(self) -> None:
        """Until the line has taken one."""
        for number in range(1000):
            await self.batcher.call(f"ready{number}")
            await eventually(lambda: self.batcher.pending == 0)
            if f"ready{number}" not in self.threaded:
                break
        await db.call(Switch.objects.all().delete)
        self.threaded.clear()


async def test_one_that_comes_alone_needs_no_thread_and_many_gather(line: Line) -> None:
    counted = Counted()
    await counted.ready()
    busy = threading.Event()
    for _ in range(db.threads().count):
        db.threads().submit(busy.wait, 30)
    assert await counted.batcher.call("alone") == "alone"
    await eventually(lambda: counted.batcher.pending == 0)
    together = [asyncio.create_task(counted.batcher.call(name)) for name in "abc"]
    await asyncio.sleep(0.05)
    busy.set()
    assert await asyncio.gather(*together) == ["a", "b", "c"]
    assert set("bc") <= set(counted.threaded) <= set("abc")
    assert await db.call(names) == ["a", "alone", "b", "c"]


async def test_who_comes_while_one_is_under_way_comes_after_it(line: Line) -> None:
    counted = Counted()
    await counted.ready()
    for number in range(50):
        pair = [asyncio.create_task(counted.batcher.call(f"{number:02}{one}")) for one in "ab"]
        await asyncio.gather(*pair)
        await eventually(lambda: counted.batcher.pending == 0, every=0.001)

    def written() -> list[str]:
        return list(Switch.objects.order_by("pk").values_list("name", flat=True))

    assert await db.call(written) == [f"{number:02}{one}" for number in range(50) for one in "ab"]
    assert any(name not in counted.threaded for name in await db.call(written))


async def test_what_fails_alone_fails_in_the_thread_with_its_reason(line: Line) -> None:
    counted = Counted()
    await counted.ready()
    await counted.batcher.call("a")
    await eventually(lambda: counted.batcher.pending == 0)
    with pytest.raises(Exception, match=r"(?i)unique"):
        await counted.batcher.call("a")
    assert await counted.batcher.call("b") == "b"


async def test_disk_that_fails_is_an_error_of_who_came_alone(line: Line) -> None:
    failing = False

    def flush() -> None:
        if failing:
            raise OSError("disk")

    counted = Counted(afterwards=flush)
    await counted.ready()
    failing = True
    with pytest.raises(OSError, match="disk"):
        await counted.batcher.call("a")
    assert counted.threaded == []


async def test_nothing_goes_by_a_closed_line(line: Line) -> None:
    counted = Counted()
    await counted.ready()
    lines.close_line(line)
    assert lines.current() is None
    assert line.start(naming("a"), lambda found: None) is False
    assert await counted.batcher.call("b") == "b"
    assert counted.threaded == ["b"]


async def test_locked_sqlite_is_waited_for_in_a_thread_not_in_the_loop(
    line: Line, database: Database
) -> None:
    if database.vendor != "sqlite":
        return  # PostgreSQL has no such lock; what a statement waits for there holds up no loop
    counted = Counted()
    await counted.ready()
    path = database.data_dir / "bifang.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        unlocking = threading.Timer(0.5, other.execute, ("COMMIT",))
        unlocking.start()
        assert await counted.batcher.call("a") == "a"
        unlocking.join()
    assert counted.threaded == ["a"], "had the loop waited, it would have written"


def kill_lines(database: Database) -> int:
    """End every other connection to this database; how many there were."""
    text = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with psycopg.connect(database.url, autocommit=True) as link:
        row = link.execute(text).fetchone()
    return 0 if row is None else int(row[0])


@pytest.mark.only_postgresql
async def test_lost_connection_costs_nothing_and_is_opened_again(
    line: Line, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "_backoff", express_postgres.Backoff(base=0.01, cap=0.01))
    counted = Counted()
    await counted.ready()
    assert await asyncio.to_thread(kill_lines, database) > 0
    threads = db.threads().count
    for name in "abc":
        for _ in range(threads + 1):  # a thread whose connection is gone, too, has another one from then on
            with suppress(*db.UNAVAILABLE):
                await counted.batcher.call(name)
                break
    assert await db.call(names) == ["a", "b", "c"]
    await counted.ready()


@pytest.mark.only_postgresql
async def test_connection_lost_with_an_errand_under_way_sends_it_through_a_thread(
    line: Line, database: Database
) -> None:
    counted = Counted()
    await counted.ready()
    with psycopg.connect(database.url) as holder:
        holder.execute(f"LOCK TABLE {TABLE} IN EXCLUSIVE MODE")
        waiting = asyncio.create_task(counted.batcher.call("a"))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        text = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        holder.execute(text)
        await asyncio.sleep(0.1)
    assert await waiting == "a"
    assert counted.threaded == ["a"]
    assert await db.call(names) == ["a"]


@pytest.mark.only_postgresql
async def test_server_that_does_not_answer_is_given_up(
    line: Line, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted()
    await counted.ready()
    monkeypatch.setattr(express_postgres, "LATEST", 0.2)
    done: list[Found | None] = []
    with psycopg.connect(database.url) as holder:
        holder.execute(f"LOCK TABLE {TABLE} IN EXCLUSIVE MODE")
        assert line.start(naming("a"), done.append)
        await eventually(lambda: done == [None])


@pytest.mark.only_postgresql
async def test_large_or_impossible_values_are_refused(line: Line) -> None:
    await ask(line, naming("a"))
    for name in ("x" * 40_000, "nul \0", "lone \ud800"):
        assert line.start(naming(name), lambda found: None) is False
    assert await ask(line, naming("x" * 20_000)) is None, "taken; the column is shorter"


@pytest.mark.only_postgresql
async def test_no_line_where_nothing_may_be_prepared(database: Database) -> None:
    from django.db import connections

    options = connections.settings["default"]["OPTIONS"]
    for threshold in (1_000_000_000, None):
        connections.settings["default"]["OPTIONS"] = {**options, "prepare_threshold": threshold}
        assert lines.open_line() is None
    connections.settings["default"]["OPTIONS"] = options
