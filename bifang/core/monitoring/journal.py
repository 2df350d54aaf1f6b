"""A log that says the same thing once, then counts."""

import logging
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass

FIRST_INTERVAL_S = 60.0
LAST_INTERVAL_S = 3600.0
CALM_AFTER_S = 60.0
MAX_KEYS = 200


@dataclass(slots=True)
class _Entry:
    message: str
    next_at: float
    interval: float
    count: int = 0


class Journal:
    """Writes a message the first time; repeats of its key are counted and told after 1, 2, 4 … 60 minutes."""

    def __init__(self, log: logging.Logger, prefix: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._prefix = prefix
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._written_at = 0.0

    def write(
        self,
        key: str,
        message: str,
        *,
        level: int = logging.WARNING,
        error: Exception | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        """``key`` decides what is "the same". Of ``error`` only the stack is written: its text may quote a message."""
        now = self._written_at = self._clock()
        entry = self._entries.get(key)
        if entry is None:
            if len(self._entries) >= MAX_KEYS:  # keys may come from outside
                self._entries.pop(next(iter(self._entries)))
            self._entries[key] = _Entry(message, now + FIRST_INTERVAL_S, FIRST_INTERVAL_S)
            stack = "\n" + "".join(traceback.format_tb(error.__traceback__)) if error else ""
            self._log.log(level, "%s %s%s", self._prefix, message, stack.rstrip(), extra=extra)
            return
        entry.count += 1
        if now >= entry.next_at:
            self._tell(entry, level)
            entry.interval = min(entry.interval * 2, LAST_INTERVAL_S)
            entry.next_at = now + entry.interval

    def calm(self) -> None:
        """Something worked: if nothing has been written for a minute, `settle`."""
        if self._entries and self._clock() - self._written_at >= CALM_AFTER_S:
            self.settle()

    def settle(self) -> None:
        """Things have been well for a while: tell what was counted and begin anew."""
        entries, self._entries = self._entries, {}
        for entry in entries.values():
            if entry.count:
                self._tell(entry, logging.INFO)

    def _tell(self, entry: _Entry, level: int) -> None:
        self._log.log(level, "%s %s（同样的错误又发生 %d 次）", self._prefix, entry.message, entry.count)
        entry.count = 0
