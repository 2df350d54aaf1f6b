"""What the sockets count, until the next heartbeat writes it down."""

import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

Count = Literal["lines", "alerts", "below", "cut", "rejected", "over_rate", "queue_full"]
DROPS: Final[frozenset[Count]] = frozenset({"over_rate", "queue_full"})
_MOST_STRANGERS: Final = 50
_MINUTE: Final = 60.0
_MOST_OFF: Final = 366 * 86_400  # seconds that are told apart


@dataclass(slots=True)
class SourceTally:
    """What one source has sent since the last heartbeat."""

    counts: Counter[Count] = field(default_factory=Counter)
    last_line_at: datetime | None = None
    last_drop_at: datetime | None = None
    per_minute: int = 0
    behind: int | None = None  # seconds, of the last line that told a time


@dataclass(slots=True)
class SyslogTallies:
    """Counters of one process. ``strangers``: the addresses of no source that sent last, and how many lines."""

    unknown: int = 0
    refused: int = 0
    broken: int = 0
    strangers: dict[str, int] = field(default_factory=dict)
    _sources: dict[int, SourceTally] = field(default_factory=dict)
    _recent: dict[int, deque[tuple[float, int]]] = field(default_factory=dict)

    def note(self, source: int, what: Count, at: datetime, many: int = 1) -> None:
        """One more."""
        tally = self._sources.setdefault(source, SourceTally())
        tally.counts[what] += many
        if what in DROPS:
            tally.last_drop_at = at
        elif what == "lines":
            tally.last_line_at = at

    def note_clock(self, source: int, behind: int) -> None:
        """How far the time that a device writes is behind ours."""
        self._sources.setdefault(source, SourceTally()).behind = max(-_MOST_OFF, min(_MOST_OFF, behind))

    def note_stranger(self, address: str) -> None:
        """A line, or a connection, of an address that no source has. The oldest addresses are forgotten."""
        self.unknown += 1
        count = self.strangers.pop(address, 0) + 1
        if len(self.strangers) >= _MOST_STRANGERS:
            del self.strangers[next(iter(self.strangers))]
        self.strangers[address] = count

    def take(self) -> dict[int, SourceTally]:
        """What was counted since the last time, with the lines of the last minute; `give_back` if it was not kept."""
        taken, self._sources = self._sources, {}
        now = time.monotonic()
        for source in taken.keys() | self._recent.keys():
            recent = self._recent.setdefault(source, deque())
            tally = taken.setdefault(source, SourceTally())
            recent.append((now, tally.counts["lines"]))
            while recent and recent[0][0] < now - _MINUTE:
                recent.popleft()
            tally.per_minute = sum(count for _, count in recent)
            if not tally.per_minute:
                del self._recent[source]  # the row says 0 now
        return taken

    def give_back(self, taken: Mapping[int, SourceTally]) -> None:
        """The database was away."""
        for source, tally in taken.items():
            mine = self._sources.setdefault(source, SourceTally())
            mine.counts.update(tally.counts)
            mine.last_line_at = mine.last_line_at or tally.last_line_at
            mine.last_drop_at = mine.last_drop_at or tally.last_drop_at
            if self._recent.get(source):
                self._recent[source].pop()  # counted again at the next take
