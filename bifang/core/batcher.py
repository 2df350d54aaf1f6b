"""One transaction for what has gathered while the database was busy; no thread for what comes alone."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import Any, Generic, TypeVar

from django.db import connections

from bifang.core.db import UNAVAILABLE, DatabaseThreads, threads
from bifang.core.express import lines
from bifang.core.express.errand import Errand, Found

T = TypeVar("T")
R = TypeVar("R")
HEAD_START = 0.003  # seconds that what an errand set going has for itself before `afterwards`


class Batcher(Generic[T, R]):
    """Gathers items while the database is busy and hands them over together.

    `run_many` gets a list of items, is expected to use one transaction, and returns one result an item. If it
    fails, every item is tried by itself, so that one bad row harms no other. With `ordered` a batch starts only
    after the one before has ended; otherwise several threads work on batches side by side. ``prepare`` makes of items
    what `run_many` gets in their place, while the batch before is still at the database. ``afterwards`` runs
    between a batch and the answers to its callers, beside the next batch.

    An item that comes while no other is under way goes as an errand by the process's line, if there is one (`lines`)
    and ``alone`` makes one of it. What comes before it is back gathers; if it fails, a thread tries it again.
    """

    def __init__(
        self,
        run_many: Callable[[Sequence[Any]], Sequence[R]],
        *,
        limit: int = 500,
        ordered: bool = False,
        prepare: Callable[[Sequence[T]], Sequence[Any]] = lambda items: items,
        afterwards: Callable[[], None] | None = None,
        alone: Callable[[T], Errand[R] | None] = lambda item: None,
    ) -> None:
        self._run_many = run_many
        self._limit = limit
        self._ordered = ordered
        self._prepare = prepare
        self._afterwards = afterwards
        self._alone = alone
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
            alone = schedule and self.pending == 1
        if schedule and not (alone and self._go_alone(item, future)):
            self._begin()
        return await future

    def _go_alone(self, item: T, future: "asyncio.Future[R]") -> bool:
        """Nobody else is under way: without a thread, if that is possible now. Others wait until it is back."""
        line = lines.current()
        if line is None:
            return False
        try:
            errand = self._alone(item)
            return errand is not None and line.start(errand, partial(self._back, future, errand))
        except Exception:
            return False  # a thread will tell

    def _back(self, future: "asyncio.Future[R]", errand: Errand[R], found: Found | None) -> None:
        if found is None:
            self._begin()
            return
        with self._lock:
            self._waiting.popleft()
        try:
            result: R | Exception = errand.read(found)
        except Exception as error:
            result = error
        if self._afterwards is None:
            self._answer([future], [result])
        else:
            loop = asyncio.get_running_loop()
            loop.call_later(HEAD_START, self._hand_back, [future], [result], threads())
        self._schedule_next()

    def _take(self) -> list[tuple[T, asyncio.Future[R]]]:
        with self._lock:  # briefly: who waits for it gives the interpreter away
            waiting = self._waiting
            self._waiting = deque(islice(waiting, self._limit, None))
        taken = list(islice(waiting, self._limit))
        live = [(item, future) for item, future in taken if not future.cancelled()]
        if len(live) < len(taken):
            self._gone_on(len(taken) - len(live))
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
        self._hand_back([future for _, future in taken], results, pool)

    def _hand_back(
        self, futures: "list[asyncio.Future[R]]", results: Sequence[R | Exception], pool: DatabaseThreads
    ) -> None:
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
        here = asyncio._get_running_loop()
        for loop, answers in by_loop.items():
            if loop is here:
                self._settle(loop, answers)
                continue
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
