"""A connection that is kept open, whatever speaks over it: see `LongConnection`."""

import asyncio
import contextlib
import logging
import random
import threading
import time
from collections.abc import Awaitable, Callable
from typing import ClassVar, Final

from bifang.channels.streams.connection import Connection
from bifang.channels.streams.settings import LinkSettings
from bifang.channels.streams.state import LiveStatus, Observe, StreamState
from bifang.channels.streams.tasks import FrameTasks
from bifang.core.errors import BifangError, RateLimited
from bifang.core.monitoring.journal import Journal
from bifang.core.outbound.backoff import Backoff

HANDOVER_CAP_S: Final = 5.0  # DingTalk's gateway closes 10 s after its `disconnect`
Pause = Callable[[asyncio.Event, float], Awaitable[None]]

log = logging.getLogger(__name__)


async def wait_unless_nudged(nudge: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until the event is set."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await nudge.wait()


class LongConnection:
    """One application's connection, kept open until `stop`.

    Time-outs, prompt stop, a new socket before the old one closes, acks on the socket that brought the frame, backoff,
    parking. A platform says how it is dialled (`_dial`) and what its frames mean (`_route`). ``observe`` is called in
    the client's own loop.
    """

    peer: ClassVar[str]  # in the log, after 已连接

    def __init__(
        self,
        settings: LinkSettings,
        observe: Observe,
        *,
        label: str,
        wall_clock: Callable[[], float] = time.time,
        pause: Pause = wait_unless_nudged,
    ) -> None:
        self._settings: LinkSettings = settings
        self._board = LiveStatus(observe)
        self._journal = Journal(log, f"{label} [{settings.name}]")
        self._intake = FrameTasks(settings.max_pending, settings.max_pending_bytes)
        self._backoff = Backoff(settings.backoff_base_s, settings.backoff_cap_s, stable=settings.stable_s)
        self._handovers = Backoff(settings.backoff_base_s, HANDOVER_CAP_S)
        self._wall_clock = wall_clock
        self._sleep = pause
        self._connections: set[Connection] = set()
        self._current: Connection | None = None
        self._brief_handovers = 0
        self._nudge = asyncio.Event()
        self._main: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        self._lock = threading.Lock()

    async def _dial(self) -> Connection:
        """A fresh socket to the platform. Raises BifangError: permanent parks, the rest is tried again."""
        raise NotImplementedError

    async def _route(self, connection: Connection, raw: str | bytes) -> None:
        """Called by the reader for every frame; waits only when the intake is full."""
        raise NotImplementedError

    @property
    def state(self) -> StreamState:
        """A snapshot; may be read from any thread."""
        return self._board.snapshot()

    async def run(self) -> None:
        """Stay connected until `stop`; returns within a second of it. Errors are shown in `state`, never raised."""
        with self._lock:
            self._loop = asyncio.get_running_loop()
            self._main = None if self._stopping else self._loop.create_task(self._live())
        self._board.publish()
        watch = self._loop.create_task(self._watch_clock())
        tasks = [watch] if self._main is None else [watch, self._main]
        try:
            if self._main is not None:
                await asyncio.wait([self._main])
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await self._close()
        if self._main is not None and not self._main.cancelled():
            self._main.result()

    def stop(self) -> None:
        """End `run` promptly: pending acks get a short grace, all sockets are closed. From any thread, at any time."""
        with self._lock:
            self._stopping = True
            if self._main is not None:
                self._call(self._main.cancel)

    def wake(self) -> None:
        """Try again now instead of waiting out a backoff or a parking time. From any thread."""
        self._call(self._nudge.set)

    def _call(self, function: Callable[[], object]) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: there is nothing left to tell
                self._loop.call_soon_threadsafe(function)

    async def _live(self) -> None:
        while True:
            old, self._current = self._current, await self._open_stubbornly()
            if old is not None:
                old.retire(self._settings.drain_s)
            await self._current.leaving.wait()
            await self._prepare_next(self._current)

    async def _open_stubbornly(self) -> Connection:
        """The next connection, however long it takes."""
        while True:
            try:
                return await self._open()
            except BifangError as error:
                await self._wait_after(error)
            except Exception as error:
                text = f"连接时出现意外错误（{type(error).__name__}），将自动重试。"
                self._journal.write(f"bug {type(error).__name__}", text, level=logging.ERROR, error=error)
                await self._wait_after(BifangError(text, permanent=False))

    async def _open(self) -> Connection:
        connection = await self._dial()
        self._connections.add(connection)
        connection.start(self._route, self._forget)
        self._board.connections = len(self._connections)
        await connection.prove()
        self._backoff.up()
        self._nudge.clear()
        self._journal.write("connected", f"已连接{self.peer}", level=logging.INFO)
        self._board.show("connected")
        return connection

    def _forget(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._board.connections = len(self._connections)
        if not self._connections and not self._stopping and self._board.status == "connected":
            self._board.show("connecting")

    async def _wait_after(self, error: BifangError) -> None:
        code = getattr(error, "code", "") or type(error).__name__
        self._journal.write(f"open {code}", error.message)
        if error.permanent:
            delay = self._settings.park_retry_s * random.uniform(0.9, 1.1)  # noqa: S311
        else:
            delay = max(self._backoff.next(), error.retry_after if isinstance(error, RateLimited) else 0.0)
        self._board.show("parked" if error.permanent else "retrying", error=error.message, retry_in=delay)
        await self._pause(delay)

    async def _pause(self, seconds: float) -> None:
        """Wait, unless `wake` cuts it short."""
        await self._sleep(self._nudge, seconds)
        self._nudge.clear()

    async def _prepare_next(self, gone: Connection) -> None:
        """Replace ``gone`` soon: after a loss as the backoff says; a hand-over is no failure and counts as none."""
        if time.monotonic() - gone.opened_at >= self._settings.stable_s:
            self._journal.settle()
            self._brief_handovers = 0
            self._handovers.reset()
        level = logging.INFO if gone.handover else logging.WARNING
        self._journal.write(f"leaving {gone.reason}", gone.reason, level=level)
        if gone.handover:
            await self._pace_handover()
            return
        delay = self._backoff.next()
        self._board.show("retrying", error=gone.reason, retry_in=delay)
        await self._pause(delay)

    async def _pace_handover(self) -> None:
        """At once, while the old socket still works; only in a storm of them after a while."""
        self._brief_handovers += 1
        if self._brief_handovers > 1:
            await self._pause(self._handovers.next())

    async def _watch_clock(self) -> None:
        """Wall and monotonic clock drift apart when the machine slept or its clock was set: the peer may be gone."""
        offset = self._wall_clock() - time.monotonic()
        while True:
            await asyncio.sleep(self._settings.clock_check_s)
            now = self._wall_clock() - time.monotonic()
            if abs(now - offset) > self._settings.clock_jump_s:
                self._journal.write(
                    "clock", f"检测到系统休眠或时钟跳变（{now - offset:+.0f} 秒），正在更换连接"
                )
                self._nudge.set()
                if self._current is not None:
                    self._current.leave("系统休眠或时钟跳变后更换连接")
            offset = now

    async def _close(self) -> None:
        connections = list(self._connections)
        for connection in connections:
            connection.stop_reading()
        await self._intake.drain(self._settings.stop_grace_s)
        await asyncio.gather(*(connection.close() for connection in connections))
        self._connections.clear()
        self._board.connections = 0
        self._board.show("stopped")
