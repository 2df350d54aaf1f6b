"""The line that a process's errands go by."""

from typing import Any, Protocol

from bifang.core import db, prepared
from bifang.core.express.errand import Errand, Then
from bifang.core.express.postgres import PostgresLine
from bifang.core.express.sqlite import SqliteLine


class Line(Protocol):
    """A connection that belongs to an event loop."""

    def start(self, errand: Errand[Any], then: Then) -> bool:
        """`then` is called in the loop; with None if it failed, or if what has become of it is not known.

        False: not now, nothing was done. From any thread.
        """
        ...

    def close(self) -> None:
        """In the loop's thread."""
        ...


_line: Line | None = None


def current() -> Line | None:
    """None: threads only."""
    return _line


def open_line() -> Line | None:
    """Errands are read by the running event loop from now on, unless the database may keep nothing prepared."""
    global _line
    if not prepared.allowed():
        return None
    _line = (PostgresLine if db.on_postgresql() else SqliteLine)(lambda work: db.threads().submit(work))
    return _line


def close_line(line: Line | None) -> None:
    """They go through threads again. In the loop's thread."""
    global _line
    if line is None:
        return
    if _line is line:
        _line = None
    line.close()
