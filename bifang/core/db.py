"""The database from asynchronous code: own threads, and one transaction for what has gathered.

SQLite gets one thread (it has one writer), PostgreSQL a few. Django's ``a…`` ORM methods are not used: eight
loops would share one thread of asgiref.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, ParamSpec, TypeVar

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connection, connections

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")
UNAVAILABLE = (OperationalError, InterfaceError)  # the database does not answer, or not in time


class DatabaseThreads:
    """Runs functions on threads that own their connections."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="db")
        self.count = count

    def submit(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> Future[T]:
        """Run soon on a database thread."""
        return self._pool.submit(_guarded, function, args, kwargs)

    def close(self) -> None:
        """Finish what was submitted, close every connection, end the threads."""
        barrier = threading.Barrier(self.count)
        for _ in range(self.count):
            self._pool.submit(_close_connection, barrier)
        self._pool.shutdown(wait=True)


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


class Batcher(Generic[T, R]):
    """Gathers items while the database is busy and hands them over together.

    `run_many` gets a list of items, is expected to use one transaction, and returns one result an item. If it
    fails, every item is tried by itself, so that one bad row harms no other.
    """

    def __init__(self, run_many: Callable[[Sequence[T]], Sequence[R]], *, limit: int = 500) -> None:
        self._run_many = run_many
        self._limit = limit
        self._waiting: deque[tuple[T, Future[R]]] = deque()
        self._scheduled = False
        self._lock = threading.Lock()

    def submit(self, item: T) -> Future[R]:
        """From any thread; the future is done after the commit."""
        future: Future[R] = Future()
        with self._lock:
            self._waiting.append((item, future))
            schedule = not self._scheduled
            self._scheduled = True
        if schedule:
            threads().submit(self._drain)
        return future

    async def call(self, item: T) -> R:
        """Submit and wait."""
        return await asyncio.wrap_future(self.submit(item))

    def _take(self) -> list[tuple[T, Future[R]]]:
        with self._lock:
            count = min(len(self._waiting), self._limit)
            taken = [self._waiting.popleft() for _ in range(count)]
            more = self._scheduled = bool(self._waiting)
        if more:
            threads().submit(self._drain)
        return taken

    def _drain(self) -> None:
        taken = [pair for pair in self._take() if pair[1].set_running_or_notify_cancel()]
        if not taken:
            return
        try:
            results: Sequence[R] = self._run_many([item for item, _ in taken])
        except Exception as error:
            connections.close_all()
            self._drain_singly(taken, error)
            return
        for (_, future), result in zip(taken, results, strict=True):
            future.set_result(result)

    def _drain_singly(self, taken: list[tuple[T, Future[R]]], first_error: Exception) -> None:
        # A locked or lost database would fail every row again, each after its own time-out.
        hopeless = len(taken) == 1 or isinstance(first_error, UNAVAILABLE)
        for item, future in taken:
            if hopeless:
                future.set_exception(first_error)
                continue
            try:
                future.set_result(self._run_many([item])[0])
            except Exception as error:
                connections.close_all()
                future.set_exception(error)
