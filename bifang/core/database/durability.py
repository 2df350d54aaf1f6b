"""Safe on the disk: what may be acknowledged must outlive a power failure, not only a crash of this process."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from django.db import DEFAULT_DB_ALIAS, connections

from bifang.core.database.batcher import Batcher
from bifang.core.database.db import on_postgresql

_fdatasync = getattr(os, "fdatasync", os.fsync)  # not everywhere
_known = (0, 0)  # the log whose place in its directory is on the disk


async def safe_on_disk() -> None:
    """Return when whatever was committed before is on the disk. Raises OSError.

    PostgreSQL's commits wait for that themselves. SQLite commits into its log without waiting, so that the one
    writer is free; the log is waited for beside it.
    """
    if not on_postgresql():
        await _flushing.call(None)


def _flush(waiting: Sequence[None]) -> Sequence[None]:
    """Once for all who wait now."""
    global _known
    path = Path(f"{connections[DEFAULT_DB_ALIAS].settings_dict['NAME']}-wal")
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:  # emptied into the database, which is on the disk then
        return waiting
    try:
        _fdatasync(file)
        found = os.fstat(file)
    finally:
        os.close(file)
    if (found.st_dev, found.st_ino) != _known:
        _flush_directory(path.parent)
        _known = (found.st_dev, found.st_ino)
    return waiting


def _flush_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


_disk = ThreadPoolExecutor(1, thread_name_prefix="disk")
_flushing: Batcher[None, None] = Batcher(_flush, submit=_disk.submit)
