"""What is acknowledged outlives a power failure, not only a crash of this process."""

import asyncio
import os
from pathlib import Path

import pytest
from django.db import connections

from bifang.channels.queues import inbox
from bifang.core.database import db, durability
from bifang.core.models import Switch
from tests.channels.boxes import incoming
from tests.databases import Database


class Disk:
    """Takes note of the files whose writing is waited for."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self.full = False

    def __call__(self, file: int) -> None:
        if self.full:
            raise OSError("disk")
        self.files.append(Path(os.readlink(f"/proc/self/fd/{file}")).name)
        os.fdatasync(file)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk()
    monkeypatch.setattr(durability, "_fdatasync", made)
    return made


async def test_received_message_is_on_the_disk(database: Database, disk: Disk) -> None:
    item = await db.call(incoming)
    disk.files.clear()
    await inbox.receive(item)
    assert disk.files == ["bifang.sqlite3-wal"]


async def test_many_wait_for_the_disk_together(database: Database, disk: Disk) -> None:
    await db.call(Switch.objects.create, name="a")
    await asyncio.gather(*(durability.safe_on_disk() for _ in range(100)))
    assert len(disk.files) <= 3


def test_new_log_after_the_last_connection_is_waited_for(database: Database, disk: Disk) -> None:
    """The last one to close moves the log into the database and removes it."""
    Switch.objects.create(name="a")
    asyncio.run(durability.safe_on_disk())
    connections.close_all()
    assert not (database.data_dir / "bifang.sqlite3-wal").exists()
    asyncio.run(durability.safe_on_disk())
    Switch.objects.create(name="b")
    asyncio.run(durability.safe_on_disk())
    assert disk.files == ["bifang.sqlite3-wal"] * 2


async def test_disk_that_fails_means_no_ack(database: Database, disk: Disk) -> None:
    items = [await db.call(incoming) for _ in range(3)]
    disk.full = True
    results = await asyncio.gather(*map(inbox.receive, items), return_exceptions=True)
    assert [str(one) for one in results] == ["disk"] * 3
