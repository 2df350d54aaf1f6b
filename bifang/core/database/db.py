"""The database: from asynchronous code, by threads of its own, and in statements given as text.

SQLite gets one thread (it has one writer), PostgreSQL a few; and what must not wait behind answers one beside them
(`promptly`). Django's ``a…`` ORM methods are not used: eight loops would share one thread of asgiref. What is written
often goes together (`batcher`).
"""

import asyncio
import itertools
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar, copy_context
from datetime import datetime
from functools import partial
from queue import PriorityQueue
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connection, connections, transaction
from django.db import Error as DatabaseError
from django.db.models.functions import Now
from django.utils import timezone

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")
UNAVAILABLE = (OperationalError, InterfaceError)  # the database does not answer, or not in time
# Of the codes of errors, those of a condition of the database: connection, state of the transaction, conflict, resources, objects in
# use, intervention, system; not 54, what was given is too large. And what is of another version, or not ours to use.
_STATES = ("08", "25", "28", "40", "53", "55", "57", "58", "XX", "42P01", "42703", "42501")
_OF_SQLITE = tuple(
    f"SQLITE_{each}" for each in ("BUSY", "LOCKED", "FULL", "IOERR", "READONLY", "CANTOPEN", "PROTOCOL")
)


def on_postgresql() -> bool:
    """Or on SQLite."""
    return connection.vendor == "postgresql"


def is_unavailable(error: BaseException) -> bool:
    """Is it the database that could not (gone, full, locked, read only), whatever it was given? Then nothing is said
    against what was to be written."""
    cause = error.__cause__
    if name := getattr(cause, "sqlite_errorname", ""):
        return str(name).startswith(_OF_SQLITE)
    if state := getattr(cause, "sqlstate", None):
        return str(state).startswith(_STATES)
    return isinstance(error, UNAVAILABLE)


def database_now() -> datetime:
    """The database's clock, so that machines with different clocks agree (on SQLite it is this machine's)."""
    if not on_postgresql():
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row: tuple[datetime] = cursor.fetchone()
    return row[0]


def database_clock() -> Any:
    """`database_now` within a condition: PostgreSQL compares with its own clock, without being asked for it before."""
    return Now() if on_postgresql() else timezone.now()


def bound_statements(factor: float = 1.0) -> None:
    """From now on the connections of this process to PostgreSQL end a statement after `STATEMENT_TIMEOUT_S` × ``factor``,
    and give a lock up after a third of that; they compile none, which takes longer than our largest ones. Not through a pooler that hands sessions on: it refuses such options."""
    seconds = settings.STATEMENT_TIMEOUT_S * factor
    options = connections.settings[DEFAULT_DB_ALIAS].setdefault("OPTIONS", {})
    pooled = options.get("prepare_threshold", 0) > _NEVER_PREPARED
    if not seconds or not on_postgresql() or pooled or "options" in options:
        return
    limits = {"statement_timeout": seconds, "lock_timeout": seconds / 3}
    connection.close()
    connection.settings_dict["OPTIONS"]["options"] = options["options"] = " ".join(
        ["-c jit=off", *(f"-c {name}={value * 1000:.0f}" for name, value in limits.items())]
    )


_NEVER_PREPARED = 1_000_000
_turn = threading.Lock()


@contextmanager
def short_transaction() -> Iterator[None]:
    """A transaction of a few milliseconds that writes. On SQLite the threads of a process take turns by a lock, which wakes
    the next at once: SQLite itself only looks again, at last every 100 ms."""
    alone = on_postgresql() or connection.in_atomic_block
    with nullcontext() if alone else _turn, transaction.atomic():
        yield


def run(text: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The rows that the statement returns. Raises Django's database errors.

    For what runs often: PostgreSQL keeps it prepared, which it does not where Django writes the values into the text.
    """
    if not on_postgresql():
        with connection.cursor() as cursor:
            cursor.execute(text, parameters)
            return list(cursor.fetchall())
    with _link().wrap_database_errors, _prepared_cursor() as cursor:
        cursor.execute(text, parameters)
        return list(cursor.fetchall()) if cursor.description else []


def _link() -> Any:
    return connections[DEFAULT_DB_ALIAS]


def _prepared_cursor() -> Any:
    import psycopg

    link = _link()
    link.close_if_health_check_failed()
    link.ensure_connection()
    link.validate_no_broken_transaction()
    return psycopg.Cursor(link.connection)


# Whose call it is: a lower number goes first. A turn has its row's, so that a burst is answered one after the other:
# taken in turns, a step each, all would be ready, sent and written down at the same time at the end.
rank: ContextVar[int] = ContextVar("rank", default=0)


class DatabaseThreads:
    """Runs functions on threads that own their connections, by `rank` and then in order."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="db")
        self._waiting: PriorityQueue[tuple[int, int, Future[Any], Callable[[], Any]]] = PriorityQueue()
        self._numbers = itertools.count()
        self.count = count

    def submit(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> Future[T]:
        """Run soon on a database thread."""
        future: Future[T] = Future()
        work = partial(copy_context().run, _guarded, function, args, kwargs)
        self._waiting.put((rank.get(), next(self._numbers), future, work))
        self._pool.submit(self._run_first)
        return future

    @property
    def waiting(self) -> int:
        """Calls that no thread has begun."""
        return self._waiting.qsize()

    def _run_first(self) -> None:
        *_, future, work = self._waiting.get()
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

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
_apart: DatabaseThreads | None = None
_prompt: DatabaseThreads | None = None


def threads() -> DatabaseThreads:
    """The process's database threads, started on first use."""
    global _threads
    with _lock:
        if _threads is None:
            _threads = DatabaseThreads(settings.DB_THREADS if on_postgresql() else 1)
        return _threads


def backlog() -> int:
    """How many calls wait for a database thread."""
    return threads().waiting


def promptly(work: Callable[[], None]) -> None:
    """Run what is short on a thread of its own, where no answer is ahead: what was received is stored, what was sent noted."""
    global _prompt
    with _lock:
        if _prompt is None:
            _prompt = DatabaseThreads(1)
        prompt = _prompt
    prompt.submit(work)


def _thread_apart() -> DatabaseThreads:
    """A second thread for SQLite, where all else would wait behind the only one; PostgreSQL has several anyway."""
    global _apart
    if on_postgresql():
        return threads()
    with _lock:
        if _apart is None:
            _apart = DatabaseThreads(1)
        return _apart


def shut_down() -> None:
    """End the database threads; the next call starts new ones."""
    global _threads, _apart, _prompt
    with _lock:
        ending, _threads, _apart, _prompt = (_threads, _apart, _prompt), None, None, None
    for each in ending:
        if each is not None:
            each.close()


async def call(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a synchronous service function on a database thread and wait for it."""
    return await asyncio.wrap_future(threads().submit(function, *args, **kwargs))


async def call_apart(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same for what only reads and may take seconds: nothing else waits for it."""
    return await asyncio.wrap_future(_thread_apart().submit(function, *args, **kwargs))
