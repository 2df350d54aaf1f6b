"""Safe on the disk: what may be acknowledged must outlive a power failure, not only a crash of this process."""

import os
from pathlib import Path
from threading import Lock

from django.db import DEFAULT_DB_ALIAS, connections

_fdatasync = getattr(os, "fdatasync", os.fsync)  # not everywhere


def flush() -> None:
    """Wait until everything that anyone has committed before is on the disk of the database.

    PostgreSQL: a record in the log that nobody reads; its commit waits for the disk, and the log is flushed in
    order. SQLite commits into its log file without waiting, so that the one writer is free: we wait for the file.
    """
    link = connections[DEFAULT_DB_ALIAS]
    if link.vendor == "sqlite":
        _log_of(f"{link.settings_dict['NAME']}-wal").flush()
        return
    with link.cursor() as cursor:
        cursor.execute("SELECT pg_logical_emit_message(true, 'bifang', '')")


class _LogFile:
    """SQLite's write-ahead log. Emptied or removed, what was in it is safe in the database file."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._lock = Lock()
        self._file = -1
        self._known = (0, 0)

    def flush(self) -> None:
        """Wait for the disk. Raises OSError."""
        with self._lock:
            try:
                found = self._path.stat()
            except FileNotFoundError:
                return
            if (found.st_dev, found.st_ino) != self._known:
                self._reopen()
            _fdatasync(self._file)

    def _reopen(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = os.open(self._path, os.O_RDONLY)
        known = os.fstat(self._file)
        self._known = (known.st_dev, known.st_ino)
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)  # that there is such a file
        finally:
            os.close(directory)


_logs: dict[str, _LogFile] = {}


def _log_of(path: str) -> _LogFile:
    return _logs.setdefault(path, _LogFile(path))
