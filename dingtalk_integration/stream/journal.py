"""A log that says the same thing once, then counts."""

import logging
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

FIRST_INTERVAL_S = 60.0
LAST_INTERVAL_S = 3600.0
MAX_KEYS = 200


@dataclass(slots=True)
class _Entry:
    message: str
    next_at: float
    interval: float
    count: int = 0


class Journal:
    """Writes a message the first time; repeats of its key are counted and told after 1, 2, 4 … 60 minutes."""

    def __init__(self, log: logging.Logger, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._name = name
        self._clock = clock
        self._entries: dict[str, _Entry] = {}

    def write(
        self, key: str, message: str, *, level: int = logging.WARNING, error: Exception | None = None
    ) -> None:
        """``key`` decides what is "the same". Of ``error`` only the stack is written: its text may quote a message."""
        now = self._clock()
        entry = self._entries.get(key)
        if entry is None:
            if len(self._entries) >= MAX_KEYS:  # keys may come from outside
                self._entries.pop(next(iter(self._entries)))
            self._entries[key] = _Entry(message, now + FIRST_INTERVAL_S, FIRST_INTERVAL_S)
            stack = "\n" + "".join(traceback.format_tb(error.__traceback__)) if error else ""
            self._log.log(level, "dingtalk [%s] %s%s", self._name, message, stack.rstrip())
            return
        entry.count += 1
        if now >= entry.next_at:
            self._tell(entry, level)
            entry.interval = min(entry.interval * 2, LAST_INTERVAL_S)
            entry.next_at = now + entry.interval

    def settle(self) -> None:
        """Things have been well for a while: tell what was counted and begin anew."""
        entries, self._entries = self._entries, {}
        for entry in entries.values():
            if entry.count:
                self._tell(entry, logging.INFO)

    def _tell(self, entry: _Entry, level: int) -> None:
        self._log.log(
            level, "dingtalk [%s] %s（同样的错误又发生 %d 次）", self._name, entry.message, entry.count
        )
        entry.count = 0
