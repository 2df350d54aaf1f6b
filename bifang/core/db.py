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


def on_postgresql() -> bool:
    """Or on SQLite."""
    return connection.vendor == "postgresql"


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


class Batcher(Generic[T, R]):
    """Gathers items while the database is busy and hands them over together.

    `run_many` gets a list of items, is expected to use one transaction, and returns one result an item. If it
    fails, every item is tried by itself, so that one bad row harms no other. With `ordered` a batch starts only
    after the one before has ended; otherwise several threads work on batches side by side. ``prepare`` makes of items
    what `run_many` gets in their place, while the batch before is still at the database. ``afterwards`` runs
    between a batch and the answers to its callers, beside the next batch.
    """

    def __init__(
        self,
        run_many: Callable[[Sequence[Any]], Sequence[R]],
        *,
        limit: int = 500,
        ordered: bool = False,
        prepare: Callable[[Sequence[T]], Sequence[Any]] = lambda items: items,
        afterwards: Callable[[], None] | None = None,
    ) -> None:
        self._run_many = run_many
        self._limit = limit
        self._ordered = ordered
        self._prepare = prepare
        self._afterwards = afterwards
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._scheduled = False
        self._lock = threading.Lock()
        self._at_work = threading.Lock()  # of an ordered one: held by the batch that runs
        self.pending = 0  # submitted, and whose callers have not gone on yet; read without a lock, so roughly

    async def call(self, item: T) -> R:
        """Hand an item over and wait for its result: after the commit. From any event loop."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        with self._lock:
            self._waiting.append((item, future))
            self.pending += 1
            schedule = not self._scheduled
            self._scheduled = True
        if schedule:
            self._begin()
        return await future

    def _take(self) -> list[tuple[T, asyncio.Future[R]]]:
        with self._lock:
            count = min(len(self._waiting), self._limit)
            taken = [self._waiting.popleft() for _ in range(count)]
            live = [(item, future) for item, future in taken if not future.cancelled()]
            self.pending -= count - len(live)
        if not self._ordered:
            self._schedule_next()
        return live

    def _schedule_next(self) -> None:
        with self._lock:
            more = self._scheduled = bool(self._waiting)
        if more:
            self._begin()

    def _begin(self) -> None:
        pool = threads()
        pool.submit(self._drain, pool)

    def _drain(self, pool: DatabaseThreads) -> None:
        taken = self._take()
        ready = self._make_ready(taken)
        if not self._ordered:
            self._run(taken, ready, pool)
            return
        with self._at_work:
            try:
                self._schedule_next()  # so at most one waits here, and none overtakes
            finally:
                self._run(taken, ready, pool)

    def _make_ready(self, taken: "list[tuple[T, asyncio.Future[R]]]") -> Sequence[Any] | Exception:
        try:
            return self._prepare([item for item, _ in taken])
        except Exception as error:
            return error

    def _run(
        self,
        taken: list[tuple[T, asyncio.Future[R]]],
        ready: Sequence[Any] | Exception,
        pool: DatabaseThreads,
    ) -> None:
        if not taken:
            return
        results: Sequence[R | Exception]
        try:
            if isinstance(ready, Exception):
                raise ready
            results = self._run_many(ready)
        except Exception as error:
            connections.close_all()
            results = self._drain_singly(taken, error)
        futures = [future for _, future in taken]
        if self._afterwards is None:
            self._answer(futures, results)
        else:
            pool.submit_beside(self._answer_afterwards, self._afterwards, futures, results)

    def _answer_afterwards(
        self,
        afterwards: Callable[[], None],
        futures: "list[asyncio.Future[R]]",
        results: Sequence[R | Exception],
    ) -> None:
        try:
            afterwards()
        except Exception as error:
            connections.close_all()
            results = [error] * len(futures)
        self._answer(futures, results)

    def _drain_singly(
        self, taken: list[tuple[T, asyncio.Future[R]]], first_error: Exception
    ) -> list[R | Exception]:
        # A locked or lost database would fail every row again, each after its own time-out.
        if len(taken) == 1 or isinstance(first_error, UNAVAILABLE):
            return [first_error] * len(taken)
        return [self._run_one(item) for item, _ in taken]

    def _run_one(self, item: T) -> R | Exception:
        try:
            return self._run_many(self._prepare([item]))[0]
        except Exception as error:
            connections.close_all()
            return error

    def _answer(self, futures: "list[asyncio.Future[R]]", results: Sequence[R | Exception]) -> None:
        """Wake each event loop once, not once for every item."""
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[R], R | Exception]]] = {}
        for future, result in zip(futures, results, strict=True):
            by_loop.setdefault(future.get_loop(), []).append((future, result))
        for loop, answers in by_loop.items():
            try:
                loop.call_soon_threadsafe(self._settle, loop, answers)
            except RuntimeError:  # the loop is closed: nobody waits any more
                self._gone_on(len(answers))

    def _settle(
        self, loop: asyncio.AbstractEventLoop, answers: "list[tuple[asyncio.Future[R], R | Exception]]"
    ) -> None:
        for future, result in answers:
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
        loop.call_soon(self._gone_on, len(answers))  # behind the callers, which are awake now

    def _gone_on(self, count: int) -> None:
        with self._lock:
            self.pending -= count
