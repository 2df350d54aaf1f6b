"""A job of the turn loop, run for a while."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bifang.channels.workers.worker import Job


@asynccontextmanager
async def running(job: Job) -> AsyncIterator[None]:
    """It runs until the end of the context, and ends when it is told to."""
    stop = asyncio.Event()
    task = asyncio.create_task(job.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 120)
