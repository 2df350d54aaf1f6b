"""Token buckets: how often something may be done, and how many failures are taken from one place. In this process."""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Final

_MOST_KEYS: Final = 10_000


class Bucket:
    """Holds `most` and fills up evenly within `seconds`."""

    def __init__(self, most: int, now: float, seconds: float = 60.0) -> None:
        self.most = most
        self._seconds = seconds
        self._left = float(most)
        self._at = now

    def wait(self, now: float) -> float:
        """The seconds until one is there; 0 if one is."""
        self._left = min(self.most, self._left + (now - self._at) * self.most / self._seconds)
        self._at = now
        return 0.0 if self._left >= 1 else (1 - self._left) * self._seconds / self.most

    def take(self, now: float) -> float:
        """Take one; the seconds to wait if there is none, else 0."""
        wait = self.wait(now)
        self._left -= 0 if wait else 1
        return wait


class Failures:
    """Counts failures by whom they come from, for instance an address; who succeeds is never counted."""

    def __init__(self, most: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._seconds, self._clock = most, seconds, clock
        self._buckets: dict[Hashable, Bucket] = {}
        self._lock = threading.Lock()

    def wait(self, key: Hashable) -> float:
        """The seconds until another try is taken from there; 0: now."""
        with self._lock:
            bucket = self._buckets.get(key)
            return bucket.wait(self._clock()) if bucket else 0.0

    def count(self, key: Hashable) -> float:
        """One more failed; the seconds to wait if it was one too many, else 0."""
        with self._lock:
            bucket = self._buckets.pop(key, None) or Bucket(self._most, self._clock(), self._seconds)
            if len(self._buckets) >= _MOST_KEYS:
                self._buckets.pop(next(iter(self._buckets)))
            self._buckets[key] = bucket  # the newest last: the oldest is forgotten first
            return bucket.take(self._clock())

    def forget(self) -> None:
        """Start anew."""
        with self._lock:
            self._buckets.clear()
