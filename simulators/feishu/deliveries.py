"""Events and card callbacks: to one random connection, again unless acknowledged in time, and what the acks were."""

import asyncio
import base64
import binascii
import itertools
import json
import random
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from simulators.faults import Faults
from simulators.values import mint, now_ms

from .frames import DATA, Frame, encode, split
from .links import Link, Links
from .malformed import build_malformed
from .options import Options

ACKS_KEPT = 50_000
LOG_ID_BITS = 53  # the official Node SDK reads numbers as doubles: it could not send a longer one back


@dataclass(slots=True, eq=False)
class Push:
    """One thing to deliver. ``answer``: set for a card callback, which is delivered once and waited for."""

    app_id: str
    event_id: str
    event_type: str
    payload: bytes
    answer: "asyncio.Future[dict[str, Any]] | None" = None
    deliveries: int = 0
    done: bool = False
    timer: asyncio.TimerHandle | None = None


@dataclass(slots=True, eq=False)
class Flight:
    """One delivery of a push, under way on one connection. ``frames``: its parts, by SeqID."""

    push: Push
    link: Link
    frames: dict[int, Frame]
    sent: float = field(default_factory=time.monotonic)


@dataclass(slots=True)
class Deliveries:
    """All pushes that are under way."""

    options: Options
    faults: Faults
    links: Links
    waiting: dict[str, list[Push]] = field(default_factory=dict)
    open: set[Push] = field(default_factory=set)
    flights: dict[str, Flight] = field(default_factory=dict)
    acks: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=ACKS_KEPT))
    counts: dict[str, int] = field(default_factory=dict)
    _sequence: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def submit(self, push: Push) -> bool:
        """Deliver now; False if no connection is live, then it waits for one."""
        self._count("pushes")
        self.open.add(push)
        return self._deliver(push)

    def flush(self, app_id: str) -> None:
        """Deliver what waited for a connection of this application."""
        for push in self.waiting.pop(app_id, []):
            if not push.done:
                self._deliver(push)

    def receive(self, link: Link, frame: Frame) -> None:
        """Judge a DATA frame of a client."""
        flight = self.flights.get(frame.headers.get("message_id", ""))
        if flight is None:
            self._count("unexpected_acks")
            return
        fault = _find_fault(flight, link, frame)
        latency_s = time.monotonic() - flight.sent
        answer = _read_answer(frame.payload)
        late = latency_s > self.options.ack_s
        fault = fault or ("lost" if self.faults.take("ack_lost", link.owner) else "")
        fault = fault or ("code" if answer.get("code") != 200 else "late" if late else "")
        self._record(flight, frame, answer, fault, latency_s)
        if not fault:
            self._finish(flight.push, answer)

    def reschedule(self) -> None:
        """Apply a changed ``redeliver_after_s`` to what is waiting for its ack."""
        for push in self.open:
            if push.timer is not None:
                self._schedule(push)

    def forget(self, push: Push) -> None:
        """Stop waiting."""
        push.done = True
        if push.timer is not None:
            push.timer.cancel()
            push.timer = None
        self.open.discard(push)

    def reset(self) -> None:
        """Forget pushes, acks and counters."""
        for push in list(self.open):
            self.forget(push)
            if push.answer is not None:
                push.answer.cancel()
        for kept in (self.waiting, self.flights, self.acks, self.counts):
            kept.clear()

    def describe(self) -> dict[str, int]:
        """Counters for ``GET /sim/state``."""
        names = ("pushes", "frames", "redeliveries", "given_up", "unexpected_acks", "late_acks", "noise")
        waiting = sum(len(pushes) for pushes in self.waiting.values())
        counts = {name: self.counts.get(name, 0) for name in names}
        return {**counts, "acks": len(self.acks), "unacked": len(self.open), "waiting": waiting}

    def count_noise(self) -> None:
        """A message of a client that is no frame."""
        self._count("noise")

    def _deliver(self, push: Push) -> bool:
        for _ in range(max(1, int(self.faults.take("duplicate", push.app_id) or 1))):
            link = self.links.pick(push.app_id)
            if link is None:
                self.waiting.setdefault(push.app_id, []).append(push)
                return False
            self._send(link, push)
        if push.answer is None:
            self._schedule(push)
        return True

    def _send(self, link: Link, push: Push) -> None:
        malformed = self.faults.take("malformed_each", push.app_id)
        for message in build_malformed(malformed) if malformed else ():
            link.push(message)
        message_id = mint("")
        frames = self._build(link, push, message_id)
        push.deliveries += 1
        flight = self.flights[message_id] = Flight(push, link, {one.seq_id: one for one in frames})
        for frame in self._disturb(push.app_id, frames):
            self._count("frames")
            link.push(encode(frame), lambda: setattr(flight, "sent", time.monotonic()))

    def _build(self, link: Link, push: Push, message_id: str) -> list[Frame]:
        wanted = int(self.faults.take("split", push.app_id) or 0)
        parts = split(push.payload, wanted or -(-len(push.payload) // self.options.frame_bytes) or 1)
        shared = {"message_id": message_id, "sum": str(len(parts)), "trace_id": mint("trace-")}
        log_id = random.getrandbits(LOG_ID_BITS)
        return [
            Frame(
                next(self._sequence),
                log_id,
                link.service_id,
                DATA,
                {"type": "event", **shared, "seq": str(number), "timestamp": str(now_ms())},
                part,
            )
            for number, part in enumerate(parts)
        ]

    def _disturb(self, app_id: str, frames: list[Frame]) -> list[Frame]:
        lost = self.faults.take("split_lose", app_id)
        if lost is not None:
            frames = [frame for number, frame in enumerate(frames) if number != int(lost)]
        order = self.faults.take("split_order", app_id)
        if order == "shuffled":
            return random.sample(frames, len(frames))
        return frames[::-1] if order else frames

    def _schedule(self, push: Push) -> None:
        if push.timer is not None:
            push.timer.cancel()
        gaps = self.options.redeliver_s
        last = push.deliveries > len(gaps)
        after = self.options.ack_s if last else gaps[push.deliveries - 1]
        after = float(self.faults.peek("redeliver_after_s", push.app_id) or after)
        push.timer = asyncio.get_running_loop().call_later(after, self._repeat, push)

    def _repeat(self, push: Push) -> None:
        push.timer = None
        if push.deliveries > len(self.options.redeliver_s):
            self._count("given_up")
            self.forget(push)
            return
        self._count("redeliveries")
        self._deliver(push)

    def _finish(self, push: Push, answer: dict[str, Any]) -> None:
        self.forget(push)
        if push.answer is not None and not push.answer.done():
            push.answer.set_result(answer)

    def _record(
        self, flight: Flight, frame: Frame, answer: dict[str, Any], fault: str, latency_s: float
    ) -> None:
        if fault == "late":
            self._count("late_acks")
        self.acks.append(
            {
                "at": now_ms(),
                "app_id": flight.push.app_id,
                "connection_id": flight.link.id,
                "event_id": flight.push.event_id,
                "event_type": flight.push.event_type,
                "code": answer.get("code"),
                "data": decode_data(answer.get("data")),
                "biz_rt": frame.headers.get("biz_rt"),
                "latency_ms": round(latency_s * 1000, 3),
                "times_delivered": flight.push.deliveries,
                "fault": fault,
            }
        )

    def _count(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1


def _find_fault(flight: Flight, link: Link, frame: Frame) -> str:
    """What is wrong with an ack as a frame: it must be the received one, on the same connection, plus biz_rt."""
    if link is not flight.link:
        return "connection"
    sent = flight.frames.get(frame.seq_id)
    if sent is None:
        return "SeqID"
    if (frame.log_id, frame.service, frame.method) != (sent.log_id, sent.service, sent.method):
        return "LogID, service or method"
    return "" if sent.headers.items() <= frame.headers.items() else "headers"


def _read_answer(payload: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(payload)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def decode_data(data: Any) -> Any:
    """What a handler answered: base64 of JSON. None if there is nothing, or it is not that."""
    try:
        return json.loads(base64.b64decode(data, validate=True)) if isinstance(data, str) else None
    except (ValueError, binascii.Error):
        return None
