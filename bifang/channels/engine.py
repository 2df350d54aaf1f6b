"""The turn loop of a process: one thread, one event loop, with dispatcher, sender and upkeep in it."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import uvloop

from bifang.channels import inbox, leases
from bifang.channels.dispatcher import Dispatcher, pressed
from bifang.channels.leases import Owner
from bifang.channels.ports import Channel, Foresee, Handler, ReplySink, Turn
from bifang.channels.sender import Sender, undelivered
from bifang.channels.upkeep import Upkeep
from bifang.core import db
from bifang.core.batcher import HEAD_START
from bifang.core.express import lines

log = logging.getLogger(__name__)


def busy() -> bool:
    """Is a burst being stored, answered or delivered? What nobody waits for does not join in."""
    return pressed() or undelivered() >= inbox.BURST


class Job(Protocol):
    """What else runs in the loop of a process; it handles its own errors."""

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`, then end what has begun."""
        ...


class Engine:
    """Start it once; `stop` lets running turns finish, hands the rest back and ends the thread."""

    def __init__(
        self,
        owner: Owner,
        handlers: Mapping[str, Handler],
        channel: Channel,
        *,
        config_ids: frozenset[int] | None = None,
        capacity: int = 400,
        sink: Callable[[Turn], ReplySink] | None = None,
        foresee: Foresee = lambda item: None,
        on_close: Callable[[], Awaitable[None]] | None = None,
        jobs: Sequence[Job] = (),
    ) -> None:
        self._owner = owner
        self._handlers = handlers
        self._channel = channel
        self._config_ids = config_ids
        self._capacity = capacity
        self._sink = sink
        self._foresee = foresee
        self._on_close = on_close
        self._jobs = jobs
        self._dispatcher: Dispatcher | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._grace = 0.0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._main, name="turns", daemon=True)
        self.error: BaseException | None = None

    def start(self, timeout: float = 30.0) -> None:
        """Start the thread; returns when it takes messages."""
        self._thread.start()
        self._ready.wait(timeout)
        if self.error is not None:
            raise self.error

    @property
    def alive(self) -> bool:
        """Does the thread run?"""
        return self._thread.is_alive()

    def wake(self) -> None:
        """New rows were stored. From any thread."""
        if self._dispatcher is not None:
            self._dispatcher.wake()

    def stop(self, grace: float) -> None:
        """Stop claiming, wait at most about `grace` seconds for what runs, give the rest back."""
        self._grace = grace
        loop, event = self._loop, self._stop
        if loop is not None and event is not None and self._thread.is_alive():
            loop.call_soon_threadsafe(event.set)
        self._thread.join(grace + 10)

    def _main(self) -> None:
        try:
            uvloop.run(self._run())
        except BaseException as error:
            log.exception("消息循环异常结束")
            self.error = error
        finally:
            self._ready.set()

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await db.call(leases.release, leases.dead_owners())
        line = lines.open_line()
        try:
            await self._work(self._stop)
        finally:  # whatever ended it: nobody may send by a line that nobody reads
            lines.close_line(line)
            await asyncio.sleep(2 * HEAD_START)  # what came back by it last is handed on

    async def _work(self, stop: asyncio.Event) -> None:
        dispatcher, sender = self._build()
        upkeep = Upkeep(self._owner, dispatcher, sender)
        working: tuple[Job, ...] = (dispatcher, sender, *self._jobs)
        jobs = [asyncio.create_task(job.run(stop)) for job in working]
        # Heartbeats go on while turns finish: their leases must not run out.
        beating = asyncio.Event()
        heart = asyncio.create_task(upkeep.run(beating))
        self._ready.set()
        await asyncio.wait([*jobs, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
        crashed = next((job.exception() for job in jobs if job.done() and job.exception()), None)
        stop.set()
        sender.look()
        await self._wind_down(dispatcher, sender, jobs[:2])
        beating.set()
        await asyncio.gather(heart, *jobs[:2], return_exceptions=True)
        # Only now: nothing claims or renews any more that would undo it.
        await db.call(leases.release_unfinished, self._owner.name)
        await asyncio.gather(*jobs, return_exceptions=True)
        if self._on_close is not None:
            await self._on_close()
        if crashed is not None:
            raise crashed

    def _build(self) -> tuple[Dispatcher, Sender]:
        sender = Sender(self._owner, self._channel, config_ids=self._config_ids)
        dispatcher = Dispatcher(
            self._owner, self._handlers, self._channel, sender.deliver,
            capacity=self._capacity, config_ids=self._config_ids, sink=self._sink, foresee=self._foresee,
        )  # fmt: skip
        self._dispatcher = dispatcher
        inbox.hand_over_to(dispatcher)
        return dispatcher, sender

    async def _wind_down(
        self, dispatcher: Dispatcher, sender: Sender, claiming: "Sequence[asyncio.Task[None]]"
    ) -> None:
        inbox.hand_over_to(None)
        loop = asyncio.get_running_loop()
        end = loop.time() + self._grace
        await asyncio.wait(claiming, timeout=self._grace)  # what they claim last is in our hands, too
        await dispatcher.drain(max(end - loop.time(), 0.0))
        await sender.drain(max(end - loop.time(), 0.5))
