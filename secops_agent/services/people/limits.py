"""Limits of one person: how often they may ask, and the notice when it costs others their turn."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

PER_MINUTE: Final = 20
PERIOD_S: Final = 60.0
KEPT: Final = 10_000  # people remembered; the ones silent for longest go first


@dataclass(slots=True)
class _Record:
    passed: deque[float] = field(default_factory=deque)
    told: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Too fast. ``first``: the first one since they were last let through, so they have to be told."""

    wait_s: int
    first: bool

    @property
    def text(self) -> str:
        """What they are told."""
        return f"您提问得太快了（每分钟最多 {PER_MINUTE} 条）。请 {self.wait_s} 秒后再问；在此之前的消息不会处理，确认、审批和停止不受影响。"


class PersonLimiter:
    """At most `limit` questions of one person in any `PERIOD_S` seconds, in this process."""

    def __init__(
        self, limit: int = PER_MINUTE, *, on: bool = True, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit, self._on, self._clock = limit, on, clock
        self._people: OrderedDict[Hashable, _Record] = OrderedDict()

    def enter(self, who: Hashable) -> Refusal | None:
        """None: go on; else why not."""
        if not self._on:
            return None
        now = self._clock()
        record = self._people.setdefault(who, _Record())
        self._people.move_to_end(who)
        if len(self._people) > KEPT:
            self._people.popitem(last=False)
        while record.passed and now - record.passed[0] >= PERIOD_S:
            record.passed.popleft()
        if len(record.passed) >= self._limit:
            first, record.told = not record.told, True
            return Refusal(max(1, round(record.passed[0] + PERIOD_S - now)), first)
        record.passed.append(now)
        record.told = False
        return None


class Allowance:
    """At most `limit` replies under a key in any `period_s` seconds, in this process: what is beyond goes unsaid.

    For what nobody has to wait for behind others: a control's reply, whom to ask for a role.
    """

    def __init__(
        self, limit: int, period_s: float, *, on: bool = True, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit, self._period_s, self._on, self._clock = limit, period_s, on, clock
        self._said: OrderedDict[Hashable, deque[float]] = OrderedDict()

    def take(self, key: Hashable) -> bool:
        """May it be said? Counts it if so."""
        if not self._on:
            return True
        now, said = self._clock(), self._said.setdefault(key, deque())
        self._said.move_to_end(key)
        if len(self._said) > KEPT:
            self._said.popitem(last=False)
        while said and now - said[0] >= self._period_s:
            said.popleft()
        if len(said) >= self._limit:
            return False
        said.append(now)
        return True
