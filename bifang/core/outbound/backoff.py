"""Growing, jittered waits between attempts."""

import random
import time
from collections.abc import Callable


class Backoff:
    """Waits of ``base`` seconds, doubled each time up to ``cap``, each shortened by up to ``jitter`` (0–1).

    ``up()`` tells that things work now; if they went on working for ``stable`` seconds, the next wait is
    short again. A success that breaks at once does not reset anything, so a flapping peer is not hammered.
    """

    def __init__(
        self,
        base: float = 1.0,
        cap: float = 60.0,
        jitter: float = 0.5,
        stable: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.base = base
        self.cap = cap
        self.jitter = jitter
        self.stable = stable
        self._clock = clock
        self._step = 0
        self._up_since: float | None = None

    def next(self) -> float:
        """Seconds to wait before the next attempt."""
        if self._up_since is not None and self._clock() - self._up_since >= self.stable:
            self._step = 0
        self._up_since = None
        full = min(self.cap, self.base * 2.0 ** min(self._step, 63))
        self._step += 1
        return full * (1.0 - self.jitter * random.random())  # noqa: S311 - spreads load, guards nothing

    def up(self) -> None:
        """It works from now on."""
        if self._up_since is None:
            self._up_since = self._clock()

    def reset(self) -> None:
        """Forget the failures so far."""
        self._step = 0
        self._up_since = None
