"""The turn loop of a process: one thread, one event loop, with consumer, sender and maintenance in it."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from bifang.channels.ports import Channel, Handler, ReplySink, Turn
from bifang.channels.workers import processes
from bifang.channels.workers.consumer import Consumer
from bifang.channels.workers.maintenance import Maintenance
from bifang.channels.workers.processes import Owner
from bifang.channels.workers.sender import Sender
from bifang.core.database import db

log = logging.getLogger(__name__)


class Job(Protocol):
    """What else runs in the loop of a process; it handles its own errors."""

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`, then end what has begun."""
        ...


class WorkerLoop:
    """Start it once; `stop` lets running turns finish, hands the rest back and ends the thread."""

    def __init__(
        self,
        owner: Owner,
        handlers: Mapping[str, Handler],
        channel: Channel,
        *,
        capacity: int = 400,
        sink: Callable[[Turn], ReplySink] | None = None,
        on_close: Callable[[], Awaitable[None]] | None = None,
        jobs: Sequence[Job] = (),
    ) -> None:
        self._owner = owner
        self._handlers = handlers
        self._channel = channel
        self._capacity = capacity
        self._sink = sink
        self._on_close = on_close
        self._jobs = jobs
        self._consumer: Consumer | None = None
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
        if self._consumer is not None:
            self._consumer.wake()

    def stop(self, grace: float) -> None:
        """Stop claiming, wait at most about `grace` seconds for what runs, give the rest back."""
        self._grace = grace
        loop, event = self._loop, self._stop
        if loop is not None and event is not None and self._thread.is_alive():
            loop.call_soon_threadsafe(event.set)
        self._thread.join(grace + 10)

    def _main(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as error:
            log.exception("消息循环异常结束")
            self.error = error
        finally:
            self._ready.set()

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await db.call(processes.release_dead, await db.call(processes.dead_owners))
        consumer, sender = self._build()
        maintenance = Maintenance(self._owner, consumer, sender)
        sending, beating = asyncio.Event(), asyncio.Event()
        consuming = asyncio.create_task(consumer.run(self._stop))
        delivering = asyncio.create_task(sender.run(sending))
        heart = asyncio.create_task(maintenance.run(beating))
        jobs = [asyncio.create_task(job.run(self._stop)) for job in self._jobs]
        self._ready.set()
        crashed = await self._until_stopped([consuming, delivering, *jobs])
        end = self._loop.time() + self._grace
        await asyncio.wait([consuming], timeout=self._grace)  # what it claims last is in our hands, too
        await consumer.drain(max(end - self._loop.time(), 0.0))
        sending.set()  # only now: the turns that ended just now are to be answered
        sender.look()
        await asyncio.wait([delivering])
        await sender.drain(max(end - self._loop.time(), 0.5))
        beating.set()  # until here claims must not run out
        await asyncio.gather(heart, consuming, return_exceptions=True)
        # Only now: nothing claims or renews any more that would undo it.
        await db.call(processes.release_unfinished, self._owner.name)
        await asyncio.gather(*jobs, return_exceptions=True)
        if self._on_close is not None:
            await self._on_close()
        if crashed is not None:
            raise crashed

    async def _until_stopped(self, tasks: "Sequence[asyncio.Task[None]]") -> BaseException | None:
        """The error of a task that ended by itself: then everything ends."""
        assert self._stop is not None
        ending = asyncio.create_task(self._stop.wait())
        await asyncio.wait([*tasks, ending], return_when=asyncio.FIRST_COMPLETED)
        self._stop.set()
        return next((task.exception() for task in tasks if task.done() and task.exception()), None)

    def _build(self) -> tuple[Consumer, Sender]:
        sender = Sender(self._owner, self._channel)
        self._consumer = Consumer(
            self._owner, self._handlers, self._channel, sender.look,
            capacity=self._capacity, sink=self._sink,
        )  # fmt: skip
        return self._consumer, sender
