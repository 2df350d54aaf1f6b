"""Stops trying cards for a while where they keep failing: messages then go out as text at once."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bifang.core.errors import BifangError, RateLimited

log = logging.getLogger(__name__)
FAILURES: Final = 3  # in a row
REST_S: Final = 1800.0
LONG_LIMIT_S: Final = 60.0  # a rate limit that lasts longer is a quota that is used up


@dataclass(slots=True)
class _Record:
    revision: int | None
    failures: int = 0
    rests_until: float = 0.0


class Breaker:
    """One per event loop; counts by configuration, and starts afresh when the configuration changes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._records: dict[int, _Record] = {}

    def allows(self, config_id: int, revision: int | None) -> bool:
        """May cards be tried now? After the rest one is: it decides what comes next."""
        return self._clock() >= self._record(config_id, revision).rests_until

    def worked(self, config_id: int, revision: int | None) -> None:
        """A card arrived: forget the failures."""
        self._record(config_id, revision).failures = 0

    def failed(self, config_id: int, revision: int | None, error: BifangError) -> None:
        """A card could not be shown."""
        record = self._record(config_id, revision)
        record.failures += 1
        spent = isinstance(error, RateLimited) and error.retry_after > LONG_LIMIT_S
        if record.failures < FAILURES and not spent:
            return
        record.rests_until = self._clock() + REST_S
        log.warning(
            "卡片连续失败，%d 分钟内改用文字回复：%s",
            REST_S // 60,
            error.message,
            extra={"config": config_id},
        )

    def _record(self, config_id: int, revision: int | None) -> _Record:
        record = self._records.get(config_id)
        if record is None or record.revision != revision:
            record = self._records[config_id] = _Record(revision)
        return record
