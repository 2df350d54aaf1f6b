"""The database from asynchronous code: own threads. What gathers meanwhile goes by `batcher`, what comes alone by `express`.

SQLite gets one thread (it has one writer), PostgreSQL a few. Django's ``a…`` ORM methods are not used: eight
loops would share one thread of asgiref.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connection, connections

from bifang.core import prepared

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")
UNAVAILABLE = (OperationalError, InterfaceError)  # the database does not answer, or not in time


def on_postgresql() -> bool:
    """Or on SQLite."""
    return prepared.vendor() == "postgresql"


class DatabaseThreads:
    """Runs functions on threads that own their connections."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="db")
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="db-beside")
        self.count = count

    def submit(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> Future[T]:
        """Run soon on a database thread."""
        return self._pool.submit(_guarded, function, args, kwargs)

    def submit_beside(self, function: Callable[..., T], *args: Any) -> Future[T]:
        """Run soon on a thread that holds up none of the others: for what waits for a disk."""
        return self._beside.submit(_guarded, function, args, {})

    def close(self) -> None:
        """Finish what was submitted, close every connection, end the threads."""
        barrier = threading.Barrier(self.count)
        for _ in range(self.count):
            self._pool.submit(_close_connection, barrier)
        self._pool.shutdown(wait=True)
        self._beside.submit(connections.close_all)
        self._beside.shutdown(wait=True)


def _guarded(function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
    try:
        return function(*args, **kwargs)
    except DatabaseError:
        # A broken connection must not be used again; opening a sound one anew is cheap.
        connections.close_all()
        raise


def _close_connection(barrier: threading.Barrier) -> None:
    """Each thread of the pool takes one of these, because it waits for the others."""
    connections.close_all()
    try:
        barrier.wait(timeout=5)
    except threading.BrokenBarrierError:
        log.warning("数据库线程没有全部按时结束")


_lock = threading.Lock()
_threads: DatabaseThreads | None = None


def threads() -> DatabaseThreads:
    """The process's database threads, started on first use."""
    global _threads
    with _lock:
        if _threads is None:
            _threads = DatabaseThreads(1 if connection.vendor == "sqlite" else settings.DB_THREADS)
        return _threads


def shut_down() -> None:
    """End the database threads; the next call starts new ones."""
    global _threads
    with _lock:
        ending, _threads = _threads, None
    if ending is not None:
        ending.close()


async def call(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a synchronous service function on a database thread and wait for it."""
    return await asyncio.wrap_future(threads().submit(function, *args, **kwargs))
