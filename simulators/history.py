"""What was said, by people and robots, and who watches it live."""

import asyncio
import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from .values import now_ms

ENTRIES_KEPT = 50_000
WATCHER_BACKLOG = 2_000


@dataclass(slots=True)
class Entry:
    """One bubble.

    ``route``: empty for people, else how the robot sent it: webhook, group, private or card.
    ``sender``: key of a person, or the robot's client id. ``at_user_ids``: whom the robot mentioned.
    ``state`` of a person's message: local (the robot was not mentioned), waiting, sent, acked, given_up.
    ``reply_to``: msgId of the message whose sessionWebhook was used. ``card``: its outTrackId.
    """

    id: str
    client_id: str
    conversation_id: str
    sender: str
    msgtype: str
    text: str
    route: str = ""
    at: int = field(default_factory=now_ms)
    seq: int = 0
    at_user_ids: list[str] = field(default_factory=list)
    reply_to: str = ""
    card: str = ""
    state: str = ""
    deliveries: int = 0
    latency_ms: float = 0.0
    receipt: str = ""
    raw: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Everything, as stored."""
        return asdict(self)


@dataclass(slots=True, eq=False)
class Watcher:
    """One open chat page. ``queue`` holds ``(event name, what)``; None ends it."""

    client_id: str
    queue: asyncio.Queue[tuple[str, Any] | None] = field(
        default_factory=lambda: asyncio.Queue(WATCHER_BACKLOG)
    )


class History:
    """Every entry by robot, oldest first."""

    def __init__(self) -> None:
        self.logs: dict[str, deque[Entry]] = {}
        self.by_id: dict[tuple[str, str], Entry] = {}
        self.watchers: set[Watcher] = set()
        self.dirty = False
        self._seq = itertools.count(1)

    def add(self, entry: Entry) -> None:
        """Append an entry and show it."""
        entry.seq = next(self._seq)
        log = self.logs.get(entry.client_id)
        if log is None:
            log = self.logs[entry.client_id] = deque()
        if len(log) >= ENTRIES_KEPT:
            gone = log.popleft()
            self.by_id.pop((gone.client_id, gone.id), None)
        log.append(entry)
        self.by_id[(entry.client_id, entry.id)] = entry
        self.touch(entry)

    def touch(self, entry: Entry) -> None:
        """Show that an entry changed."""
        self.dirty = True
        if self.watchers:
            self.publish(entry.client_id, "entry", entry)

    def find(self, client_id: str, entry_id: str) -> Entry | None:
        """The entry with that msgId or reply id."""
        return self.by_id.get((client_id, entry_id))

    def robot_entries(self, client_id: str = "") -> Iterator[Entry]:
        """What robots said; of one robot if named."""
        for owner, log in self.logs.items():
            if not client_id or owner == client_id:
                yield from (entry for entry in log if entry.route)

    def recent(self, client_id: str, kept: int) -> list[Entry]:
        """The last ``kept`` entries of each conversation, oldest first."""
        counts: dict[str, int] = {}
        chosen: list[Entry] = []
        for entry in reversed(self.logs.get(client_id, ())):
            counts[entry.conversation_id] = counts.get(entry.conversation_id, 0) + 1
            if counts[entry.conversation_id] <= kept:
                chosen.append(entry)
        return chosen[::-1]

    def publish(self, client_id: str, name: str, what: Any) -> None:
        """Tell the pages of that robot; one that does not keep up is dropped and reloads."""
        for watcher in list(self.watchers):
            if watcher.client_id != client_id:
                continue
            if watcher.queue.full():
                self.watchers.discard(watcher)
                watcher.queue.get_nowait()
                watcher.queue.put_nowait(None)
            else:
                watcher.queue.put_nowait((name, what))

    def end_watching(self) -> None:
        """End every live page (shutdown)."""
        for watcher in list(self.watchers):
            if watcher.queue.full():
                watcher.queue.get_nowait()
            watcher.queue.put_nowait(None)
        self.watchers.clear()

    def reset(self) -> None:
        """Forget everything said."""
        self.logs.clear()
        self.by_id.clear()
        self.dirty = True
