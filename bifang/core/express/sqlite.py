"""SQLite in the event loop itself: there it waits for nobody, neither for a lock nor for a disk."""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from bifang.core.express.errand import Errand, Found, Row, Step, Then
from bifang.core.prepared import for_sqlite

log = logging.getLogger(__name__)


class SqliteLine:
    """A connection of its own. Made in the loop's thread."""

    def __init__(self, submit: Callable[[Callable[[], None]], Any]) -> None:
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._link: sqlite3.Connection | None = None
        self._closed = False
        submit(self._open)

    def _open(self) -> None:
        """On a thread: Django opens none in an event loop."""
        maker: Any = connections.create_connection(DEFAULT_DB_ALIAS)
        link = maker.get_new_connection({**maker.get_connection_params(), "timeout": 0})
        # What is committed here goes into the database file, and that to the disk, at the next commit of a thread.
        for pragma in ("wal_autocheckpoint=0", "cache_size=-2000"):
            link.execute(f"PRAGMA {pragma}")
        self._loop.call_soon_threadsafe(self._take, link)

    def _take(self, link: sqlite3.Connection) -> None:
        if self._closed:
            link.close()
        else:
            self._link = link

    def start(self, errand: Errand[Any], then: Then) -> bool:
        """See `Line`."""
        if self._link is None:
            return False
        if threading.get_ident() == self._thread:
            self._do(errand, then)
            return True
        try:
            self._loop.call_soon_threadsafe(self._do, errand, then)
        except RuntimeError:  # the loop is closed
            return False
        return True

    def _do(self, errand: Errand[Any], then: Then) -> None:
        link = self._link
        try:
            found = None if link is None else _run(link, errand)
        except Exception as error:  # most often another writer: a thread waits for it, or tells
            log.debug("直接写入数据库未成，改由线程写入：%s", error)
            found = None
        then(found)

    def close(self) -> None:
        """See `Line`."""
        self._closed = True
        link, self._link = self._link, None
        if link is not None:
            link.close()


def _run(link: sqlite3.Connection, errand: Errand[Any]) -> Found:
    link.execute("BEGIN IMMEDIATE")
    try:
        found = _steps(link, errand)
        link.execute("COMMIT")
    except BaseException:
        link.execute("ROLLBACK")
        raise
    return found


def _steps(link: sqlite3.Connection, errand: Errand[Any]) -> Found:
    found: list[list[Row]] = []
    for step in errand.steps:
        found.append(_rows(link, step))
        if step.decisive and not found[-1]:
            break
    return found + [[]] * (len(errand.steps) - len(found))


def _rows(link: sqlite3.Connection, step: Step) -> list[Row]:
    return link.execute(for_sqlite(step.text), step.given).fetchall()
