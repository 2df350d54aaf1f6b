"""How many requests a token may make: a bucket for each token, in each web process."""

import threading
import time
from collections.abc import Callable

from bifang.core.errors import RateLimited


class Bucket:
    """Holds `rate` requests and fills up evenly within a minute."""

    def __init__(self, rate: int, now: float) -> None:
        self.rate = rate
        self._left = float(rate)
        self._at = now

    def take(self, now: float) -> float:
        """Take one; the seconds to wait if there is none, else 0."""
        self._left = min(self.rate, self._left + (now - self._at) * self.rate / 60)
        self._at = now
        if self._left >= 1:
            self._left -= 1
            return 0.0
        return (1 - self._left) * 60 / self.rate


FAILURES = 30  # wrong tokens a minute from one address
_MOST_ADDRESSES = 10_000
_buckets: dict[int, Bucket] = {}
_failures: dict[str | None, Bucket] = {}
_lock = threading.Lock()


def spend(token_id: int, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
    """Count one request. Raises RateLimited with the time to wait; a rate of 0 is no limit."""
    if rate == 0:
        return
    with _lock:
        bucket = _buckets.get(token_id)
        if bucket is None or bucket.rate != rate:
            bucket = _buckets[token_id] = Bucket(rate, clock())
        wait = bucket.take(clock())
    if wait:
        raise RateLimited(
            f"请求太频繁：这个令牌每分钟最多 {rate} 次，请在 {wait:.0f} 秒后重试。", retry_after=wait
        )


def spend_failure(address: str | None, clock: Callable[[], float] = time.monotonic) -> None:
    """Count a token that was refused. Raises RateLimited with the time to wait.

    A valid token is never counted: 256 bits are not guessed, and a neighbour's old token must not shut out a good one.
    """
    with _lock:
        bucket = _failures.pop(address, None) or Bucket(FAILURES, clock())
        if len(_failures) >= _MOST_ADDRESSES:
            _failures.pop(next(iter(_failures)))
        _failures[address] = bucket
        wait = bucket.take(clock())
    if wait:
        raise RateLimited(
            f"这个地址发来的无效 API 令牌太多：请在 {wait:.0f} 秒后重试，并检查令牌是否已被吊销。",
            retry_after=wait,
        )
