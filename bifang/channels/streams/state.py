"""What a Stream client shows of itself."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Status = Literal["connecting", "connected", "retrying", "parked", "stopped"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StreamState:
    """A snapshot. Times are epoch seconds, 0.0 for never. ``connections``: sockets open now.

    ``messages_received`` counts chat, event and card frames; ``last_frame_at`` also the gateway's own.
    ``attempts`` failed since the last connection; the next one is made at ``retry_at``.
    ``answered_at``: the peer answered our last ping, after ``round_trip_s``. Pings are no messages: no quota counts them.
    """

    status: Status
    since: float
    last_frame_at: float
    last_error: str
    last_error_at: float
    messages_received: int
    connections: int
    answered_at: float = 0.0
    round_trip_s: float = 0.0
    attempts: int = 0
    retry_at: float = 0.0


Observe = Callable[[StreamState], None]


class LiveStatus:
    """The live values behind `StreamState`. Written in the client's loop, read from any thread."""

    def __init__(self, observe: Observe) -> None:
        self._observe = observe
        self.status: Status = "connecting"
        self.since = time.time()
        self.last_frame_at = 0.0
        self.last_error = ""
        self.last_error_at = 0.0
        self.messages_received = 0
        self.connections = 0
        self.answered_at = self.round_trip_s = 0.0
        self.attempts = 0
        self.retry_at = 0.0

    def snapshot(self) -> StreamState:
        """The values now."""
        return StreamState(
            status=self.status,
            since=self.since,
            last_frame_at=self.last_frame_at,
            last_error=self.last_error,
            last_error_at=self.last_error_at,
            messages_received=self.messages_received,
            connections=self.connections,
            answered_at=self.answered_at,
            round_trip_s=self.round_trip_s,
            attempts=self.attempts,
            retry_at=self.retry_at,
        )

    def saw_frame(self) -> None:
        """A frame of any kind came."""
        self.last_frame_at = time.time()

    def saw_answer(self, round_trip_s: float) -> None:
        """A ping went to the gateway and back."""
        self.answered_at, self.round_trip_s = time.time(), round_trip_s

    def show(self, status: Status, *, error: str = "", retry_in: float = 0.0) -> None:
        """Change the status and tell the observer; an error is kept until the next one, and counts as an attempt."""
        if error:
            self.last_error, self.last_error_at = error, time.time()
            self.attempts += 1
        if status == "connected":
            self.attempts = 0
        self.retry_at = time.time() + retry_in if retry_in else 0.0
        if status != self.status:
            self.status, self.since = status, time.time()
        elif not error:
            return
        self.publish()

    def publish(self) -> None:
        """Tell the observer; its faults are not ours."""
        try:
            self._observe(self.snapshot())
        except Exception:
            log.exception("observer of a connection failed")
