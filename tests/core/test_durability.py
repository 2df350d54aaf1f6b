"""What is acknowledged is on the disk, not only in the memory of the operating system."""

import asyncio
import os
import threading
from pathlib import Path

import pytest
from django.db import connection, connections

from bifang.channels import inbox
from bifang.core import db, durability
from bifang.core.batcher import Batcher
from bifang.core.models import Switch
from tests.channels.boxes import incoming
from tests.databases import Database
from tests.deadline import eventually


class Disk:
    """Takes note of the files whose writing is waited for."""

    def __init__(self) -> None:
        self.files: list[str] = []

    def __call__(self, file: int) -> None:
        self.files.append(Path(os.readlink(f"/proc/self/fd/{file}")).name)
        os.fdatasync(file)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk()
    monkeypatch.setattr(durability, "_fdatasync", made)
    return made


def test_sqlites_log_is_waited_for(database: Database, disk: Disk) -> None:
    Switch.objects.create(name="a")
    durability.flush()
    assert disk.files == ["bifang.sqlite3-wal"]


async def test_received_message_is_on_the_disk(database: Database, disk: Disk) -> None:
    item = await db.call(incoming)
    disk.files.clear()
    await inbox.receive(item)
    assert disk.files == ["bifang.sqlite3-wal"]


def test_new_log_after_the_last_connection_is_waited_for(database: Database, disk: Disk) -> None:
    """The last one to close moves the log into the database and removes it."""
    Switch.objects.create(name="a")
    durability.flush()
    connections.close_all()
    assert not (database.data_dir / "bifang.sqlite3-wal").exists()
    durability.flush()
    Switch.objects.create(name="b")
    durability.flush()
    assert disk.files == ["bifang.sqlite3-wal"] * 2


@pytest.mark.only_postgresql
def test_postgresqls_log_is_flushed_up_to_now(database: Database) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit TO OFF")
        Switch.objects.create(name="a")
        cursor.execute("SELECT pg_current_wal_insert_lsn()")
        (written,) = cursor.fetchone()
        cursor.execute("SET synchronous_commit TO ON")
        durability.flush()
        cursor.execute("SELECT pg_current_wal_flush_lsn() >= %s::pg_lsn", [written])
        assert cursor.fetchone() == (True,)


async def test_callers_wait_for_the_disk_and_the_next_batch_does_not(database: Database) -> None:
    reached, synced = list[str](), threading.Event()

    def work(items: list[str]) -> list[str]:
        reached.extend(items)
        return items

    batcher = Batcher(work, ordered=True, afterwards=lambda: bool(synced.wait(120)))  # type: ignore[arg-type]
    first = asyncio.create_task(batcher.call("a"))
    await eventually(lambda: reached == ["a"])
    second = asyncio.create_task(batcher.call("b"))
    await eventually(lambda: reached == ["a", "b"])
    assert await db.call(lambda: "still at work") == "still at work"
    assert not first.done()
    synced.set()
    assert await asyncio.gather(first, second) == ["a", "b"]


async def test_disk_that_fails_is_an_error_of_every_caller(database: Database) -> None:
    def fail() -> None:
        raise OSError("disk")

    batcher: Batcher[str, str] = Batcher(lambda items: list(items), ordered=True, afterwards=fail)
    results = await asyncio.gather(*(batcher.call(one) for one in "ab"), return_exceptions=True)
    assert [str(one) for one in results] == ["disk", "disk"]
