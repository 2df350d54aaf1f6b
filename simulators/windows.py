"""Sliding windows: how often something may be done, and the most that was ever seen."""

import time
from collections import deque


class Window:
    """A sliding window of ``seconds`` that lets ``limit`` calls in.

    ``peak`` is the largest number of calls asked for within any window: above ``limit`` means that the caller
    went over it, whether or not it was refused.
    """

    __slots__ = ("hits", "limit", "peak", "refused", "seconds")

    def __init__(self, seconds: float, limit: int) -> None:
        self.seconds = seconds
        self.limit = limit
        self.hits: deque[float] = deque()
        self.peak = 0
        self.refused = 0

    def admit(self, *, enforce: bool) -> bool:
        """Count one call now; False if it is one too many and limits are enforced."""
        now = time.monotonic()
        hits = self.hits
        while hits and hits[0] <= now - self.seconds:
            hits.popleft()
        self.peak = max(self.peak, len(hits) + 1)
        if enforce and len(hits) >= self.limit:
            self.refused += 1
            return False
        hits.append(now)
        return True
