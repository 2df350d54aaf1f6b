"""One transaction for what has gathered while the one before was at the database."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

from django.db import connections

from bifang.core.database.db import is_unavailable, threads

T = TypeVar("T")
R = TypeVar("R")


class Batcher(Generic[T, R]):
    """Items that come while a batch is at the database are the next batch; a single one is a batch of one.

    `run_many` gets the items in the order they came, is expected to use one transaction, and returns one result an
    item. One batch runs at a time, so none overtakes another. If it fails, each item is tried by itself: one bad row
    harms no other. ``submit`` runs it elsewhere than on a database thread.
    """

    def __init__(
        self,
        run_many: Callable[[Sequence[T]], Sequence[R]],
        *,
        limit: int = 500,
        submit: Callable[[Callable[[], None]], Any] | None = None,
    ) -> None:
        self._run_many = run_many
        self._submit = submit or (lambda work: threads().submit(work))
        self._limit = limit
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._lock = threading.Lock()
        self._at_work = False

    async def call(self, item: T) -> R:
        """Hand an item over and wait for its result: after the commit. From any event loop."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        with self._lock:
            self._waiting.append((item, future))
            idle, self._at_work = not self._at_work, True
        if idle:
            self._submit(self._run_next)
        return await future

    def _run_next(self) -> None:
        """On a database thread; which is free for others before the next batch."""
        try:
            batch = self._take()
            if batch:
                _answer([future for _, future in batch], self._results([item for item, _ in batch]))
        finally:
            with self._lock:
                more = self._at_work = bool(self._waiting)
            if more:  # not what it is by now: whoever came since then has begun the next batch already
                self._submit(self._run_next)

    def _take(self) -> list[tuple[T, asyncio.Future[R]]]:
        with self._lock:
            taken = [self._waiting.popleft() for _ in range(min(self._limit, len(self._waiting)))]
        return [(item, future) for item, future in taken if not future.cancelled()]

    def _results(self, items: Sequence[T]) -> Sequence[R | Exception]:
        try:
            return self._run_many(items)
        except Exception as error:
            connections.close_all()  # a broken one must not be used again
            # A locked or lost database would fail every row again, each after its own time-out.
            if len(items) == 1 or is_unavailable(error):
                return [error] * len(items)
        return [self._results([item])[0] for item in items]


def _answer(futures: "Sequence[asyncio.Future[R]]", results: Sequence[R | Exception]) -> None:
    for future, result in zip(futures, results, strict=True):
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            future.get_loop().call_soon_threadsafe(_settle, future, result)


def _settle(future: "asyncio.Future[R]", result: R | Exception) -> None:
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
