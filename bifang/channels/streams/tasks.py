"""Frames being handled side by side, bounded. A full intake stops the reading; it never drops."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class FrameTasks:
    """At most ``max_tasks`` tasks and, beyond the first, ``max_bytes`` of frames at once."""

    def __init__(self, max_tasks: int, max_bytes: int) -> None:
        self._max_tasks = max_tasks
        self._max_bytes = max_bytes
        self._tasks: dict[asyncio.Task[None], int] = {}
        self._bytes = 0
        self._waiting = 0
        self._room = asyncio.Event()

    @property
    def blocked(self) -> bool:
        """A reader waits for room, so pongs are not seen either."""
        return self._waiting > 0

    def has_room(self, size: int) -> bool:
        """Whether a frame of ``size`` may start now."""
        return not self._tasks or (
            len(self._tasks) < self._max_tasks and self._bytes + size <= self._max_bytes
        )

    async def wait_for_room(self, size: int) -> None:
        """Return when `start` is allowed."""
        self._waiting += 1
        try:
            while not self.has_room(size):
                self._room.clear()
                await self._room.wait()
        finally:
            self._waiting -= 1

    def start(self, work: Coroutine[Any, Any, None], size: int) -> None:
        """Run ``work``, which must handle its own errors."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = size
        self._bytes += size
        task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._bytes -= self._tasks.pop(task)
        if self._waiting:
            self._room.set()

    async def drain(self, seconds: float) -> None:
        """Let the running ones end; cancel what is left after ``seconds``."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(set(self._tasks), timeout=seconds)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=seconds)
