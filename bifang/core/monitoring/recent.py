"""A value that many ask for and that is made anew at most so often, without waiting for it for ever."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from django.db import connections

T = TypeVar("T")


class Recent(Generic[T]):
    """The value of ``make``, at most ``age`` seconds old.

    ``make`` runs in a thread of its own, one at a time: a database that hangs holds up that thread, and those who
    ask get TimeoutError ``patience`` seconds after the thread was started.
    """

    def __init__(self, make: Callable[[], T], *, age: float = 1.0, patience: float = 5.0) -> None:
        self._make = make
        self._age = age
        self._patience = patience
        self._lock = threading.Lock()
        self._flight: Future[T] | None = None
        self._started = self._ended = 0.0

    def get(self) -> T:
        """The value, or the error of making it. TimeoutError: see the class."""
        with self._lock:
            if self._flight is None or (self._flight.done() and time.monotonic() - self._ended > self._age):
                self._flight = self._start()
            flight, left = self._flight, self._started + self._patience - time.monotonic()
        return flight.result(max(left, 0.0))

    def clear(self) -> None:
        """Make it anew the next time, whatever its age."""
        with self._lock:
            self._flight = None

    def _start(self) -> "Future[T]":
        flight: Future[T] = Future()
        self._started = time.monotonic()
        threading.Thread(target=self._fill, args=(flight,), name="recent", daemon=True).start()
        return flight

    def _fill(self, flight: "Future[T]") -> None:
        try:
            value = self._make()
        except BaseException as error:
            self._end()
            flight.set_exception(error)
        else:
            self._end()
            flight.set_result(value)

    def _end(self) -> None:
        connections.close_all()  # before anyone hears of the result
        self._ended = time.monotonic()
