"""Pushes: to one random connection, again when not acknowledged, and what the acks were.

Chat callbacks come again with a new ``messageId`` and the same ``msgId`` (seen in DingTalk's own connector), events
when unanswered, LATER or 500. How often and how far apart is not published.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bifang.core.errors import InvalidInput
from simulators.faults import Faults
from simulators.values import mint, now_ms

from .frames import build_frame, build_malformed
from .links import Link, Links
from .options import Options

ACKS_KEPT = 50_000
ACK_DATA_KEPT = 1_000
LARGEST_DATA = 500_000  # at most twice that when escaped into its frame: inside the 1 MiB that most take


@dataclass(slots=True, eq=False)
class Push:
    """One thing to deliver. ``external_id``: msgId, eventId or outTrackId."""

    client_id: str
    kind: str
    topic: str
    data: str
    external_id: str
    extra: dict[str, str] = field(default_factory=dict)
    deliveries: int = 0
    done: bool = False
    given_up: bool = False
    timer: asyncio.TimerHandle | None = None
    answer: asyncio.Future[dict[str, Any]] | None = None

    def __post_init__(self) -> None:
        """InvalidInput for what no client could take: redelivered, it would close every connection with 1009."""
        size = len(self.data.encode("utf-8", "surrogatepass"))
        if size > LARGEST_DATA:
            raise InvalidInput(
                f"消息有 {size:,} 字节，一帧放不下（上限 {LARGEST_DATA:,}），真实的钉钉也不会推送"
            )

    @property
    def repeats(self) -> bool:
        """Whether it is delivered again when unanswered; card callbacks are not."""
        return self.answer is None


class Deliveries:
    """All pushes that are under way."""

    def __init__(self, options: Options, faults: Faults, links: Links) -> None:
        self.options = options
        self.faults = faults
        self.links = links
        self.waiting: dict[str, dict[int, Push]] = {}
        self.open: dict[int, Push] = {}
        self.in_flight: dict[str, tuple[Push, float]] = {}
        self.acks: deque[dict[str, Any]] = deque(maxlen=ACKS_KEPT)
        self.noise: deque[dict[str, Any]] = deque(maxlen=200)
        self.pushes = self.frames = self.redeliveries = self.given_up = self.unexpected_acks = 0
        self.on_progress: list[Any] = []
        self.outside: Callable[[Push], bool] = lambda push: False  # by HTTP

    def submit(self, push: Push) -> bool:
        """Deliver now; False if no connection is live, then it waits for one."""
        self.pushes += 1
        self.open[id(push)] = push
        return self.outside(push) or self._deliver(push)

    def finish_outside(self, push: Push) -> None:
        """It arrived by HTTP."""
        self._finish(push, {})
        self._tell(push)

    def give_up(self, push: Push) -> None:
        """Nobody took it, however often."""
        push.given_up = True
        self.given_up += 1
        self.open.pop(id(push), None)
        self._tell(push)

    def abandon(self, push: Push) -> None:
        """Stop waiting for an answer."""
        push.done = True
        self.open.pop(id(push), None)
        self.waiting.get(push.client_id, {}).pop(id(push), None)

    def flush(self, client_id: str) -> None:
        """Deliver what waited for a connection of this client."""
        for push in list(self.waiting.pop(client_id, {}).values()):
            if not push.done:
                self._deliver(push)

    def reschedule(self) -> None:
        """Apply a changed ``redeliver_after_s`` to what is waiting for its ack."""
        for push in self.open.values():
            if push.timer is not None:
                self._schedule(push)

    def cancel_all(self) -> None:
        """Forget every push that is under way."""
        for push in self.open.values():
            if push.timer is not None:
                push.timer.cancel()
            if push.answer is not None and not push.answer.done():
                push.answer.cancel()
        self.open.clear()
        self.waiting.clear()
        self.in_flight.clear()

    def reset(self) -> None:
        """Forget pushes, acks and counters."""
        self.cancel_all()
        self.acks.clear()
        self.noise.clear()
        self.pushes = self.frames = self.redeliveries = self.given_up = self.unexpected_acks = 0

    def describe(self) -> dict[str, int]:
        """Counters for ``GET /sim/state``."""
        return {
            "pushes": self.pushes,
            "frames": self.frames,
            "redeliveries": self.redeliveries,
            "unacked": len(self.open),
            "waiting": sum(len(pushes) for pushes in self.waiting.values()),
            "given_up": self.given_up,
            "acks": len(self.acks),
            "unexpected_acks": self.unexpected_acks,
            "noise": len(self.noise),
        }

    def describe_latency(self) -> dict[str, float]:
        """Ack latencies of pushes in ms: ``{count, p50, p99, max}``."""
        values = sorted(ack["latency_ms"] for ack in self.acks if ack["type"] != "SYSTEM")
        if not values:
            return {"count": 0, "p50": 0.0, "p99": 0.0, "max": 0.0}
        last = len(values) - 1
        p50, p99 = values[round(last * 0.5)], values[round(last * 0.99)]
        return {"count": len(values), "p50": p50, "p99": p99, "max": values[-1]}

    def receive_ack(self, link: Link, ack: dict[str, Any]) -> None:
        """Record an upstream frame and finish or repeat its push."""
        message_id = str(ack["headers"]["messageId"])
        if message_id in link.pings:
            self._record_ping(link, message_id, ack)
            return
        found = self.in_flight.pop(message_id, None)
        if found is None:
            self.unexpected_acks += 1
            return
        push, sent = found
        self._record(link, push, message_id, ack, sent)
        if not _is_refusal(push, ack):
            self._finish(push, ack)
        self._tell(push)

    def receive_noise(self, link: Link, text: str) -> None:
        """Keep an upstream frame that is no ack (the answer to a disconnect has no messageId)."""
        self.noise.append({"at": now_ms(), "client_id": link.client_id, "text": text[:500]})

    def _deliver(self, push: Push) -> bool:
        copies = max(1, int(self.faults.take("duplicate", push.client_id) or 1))
        for _ in range(copies):
            link = self.links.pick(push.client_id, push.kind, push.topic)
            if link is None:
                self.waiting.setdefault(push.client_id, {})[id(push)] = push
                return False
            self._send(link, push)
        if push.repeats:
            self._schedule(push)
        self._tell(push)
        return True

    def _send(self, link: Link, push: Push) -> None:
        malformed = self.faults.take("malformed_each", push.client_id)
        for text in build_malformed(malformed) if malformed else ():
            link.push(text)
        message_id = mint("")
        push.deliveries += 1
        self.frames += 1
        self.in_flight[message_id] = (push, time.perf_counter())

        def stamp() -> None:
            self.in_flight[message_id] = (push, time.perf_counter())

        link.push(
            build_frame(
                push.kind,
                push.topic,
                push.data,
                connection_id=link.id,
                message_id=message_id,
                extra=push.extra,
            ),
            stamp,
        )

    def _schedule(self, push: Push) -> None:
        if push.timer is not None:
            push.timer.cancel()
        after = self.faults.peek("redeliver_after_s", push.client_id) or self.options.redeliver_after_s
        push.timer = asyncio.get_running_loop().call_later(float(after), self._repeat, push)

    def _repeat(self, push: Push) -> None:
        push.timer = None
        if push.done:
            return
        if push.deliveries >= self.options.max_deliveries:
            self.give_up(push)
            return
        self.redeliveries += 1
        self._deliver(push)

    def _finish(self, push: Push, ack: dict[str, Any]) -> None:
        push.done = True
        if push.timer is not None:
            push.timer.cancel()
            push.timer = None
        self.open.pop(id(push), None)
        if push.answer is not None and not push.answer.done():
            push.answer.set_result(ack)

    def _record(self, link: Link, push: Push, message_id: str, ack: dict[str, Any], sent: float) -> None:
        self.acks.append(
            {
                "at": now_ms(),
                "client_id": push.client_id,
                "connection_id": link.id,
                "message_id": message_id,
                "msg_id": push.external_id,
                "type": push.kind,
                "topic": push.topic,
                "code": ack.get("code"),
                "message": ack.get("message"),
                "data": _clip(ack.get("data")),
                "latency_ms": round((time.perf_counter() - sent) * 1000, 3),
                "times_delivered": push.deliveries,
            }
        )

    def _record_ping(self, link: Link, message_id: str, ack: dict[str, Any]) -> None:
        ping = link.pings.pop(message_id)
        latency_ms = round((asyncio.get_running_loop().time() - ping.sent) * 1000, 3)
        if not ping.echoed.done():
            ping.echoed.set_result(latency_ms)
        self.acks.append(
            {
                "at": now_ms(),
                "client_id": link.client_id,
                "connection_id": link.id,
                "message_id": message_id,
                "msg_id": "",
                "type": "SYSTEM",
                "topic": "ping",
                "code": ack.get("code"),
                "message": ack.get("message"),
                "data": ack.get("data"),
                "latency_ms": latency_ms,
                "times_delivered": 1,
                "echoed": _loads(ack.get("data")) == _loads(ping.data),
            }
        )

    def _tell(self, push: Push) -> None:
        for listener in self.on_progress:
            listener(push)


def _clip(data: Any) -> Any:
    """The SDK's AsyncChatbotHandler echoes the whole message: not worth keeping."""
    return data[:ACK_DATA_KEPT] if isinstance(data, str) else data


def _loads(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _is_refusal(push: Push, ack: dict[str, Any]) -> bool:
    """An event that the client wants again. A Python SDK event ack carries no status and counts as done."""
    if push.kind != "EVENT":
        return False
    data = _loads(ack.get("data"))
    status = data.get("status") if isinstance(data, dict) else None
    return str(ack.get("code")) != "200" or status == "LATER"
