"""Safe on the disk: what may be acknowledged must outlive a power failure, not only a crash of this process."""

import os
from pathlib import Path
from threading import Lock

from django.db import DEFAULT_DB_ALIAS, connections

from bifang.core import prepared

_fdatasync = getattr(os, "fdatasync", os.fsync)  # not everywhere


def flush() -> None:
    """Wait until everything that anyone has committed before is on the disk of the database.

    PostgreSQL: a record in the log that nobody reads; its commit waits for the disk, and the log is flushed in
    order. SQLite commits into its log file without waiting, so that the one writer is free: we wait for the file.
    """
    link = connections[DEFAULT_DB_ALIAS]
    if link.vendor == "sqlite":
        _log.flush(Path(f"{link.settings_dict['NAME']}-wal"))
        return
    prepared.run("SELECT pg_logical_emit_message(true, 'bifang', '')", ())


class _LogFile:
    """SQLite's write-ahead log. Emptied or removed, what was in it is safe in the database file."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._file = -1
        self._known = (0, 0)

    def flush(self, path: Path) -> None:
        """Wait for the disk. Raises OSError."""
        with self._lock:
            try:
                found = path.stat()
                if (found.st_dev, found.st_ino) != self._known:
                    self._reopen(path)
            except FileNotFoundError:  # now, or between the two
                return
            _fdatasync(self._file)

    def _reopen(self, path: Path) -> None:
        old, self._file = self._file, os.open(path, os.O_RDONLY)
        if old >= 0:
            os.close(old)
        known = os.fstat(self._file)
        self._known = (known.st_dev, known.st_ino)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)  # that there is such a file
        finally:
            os.close(directory)


_log = _LogFile()
