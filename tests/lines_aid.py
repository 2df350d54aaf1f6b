"""A line of the running event loop, and errands sent by it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from bifang.core.express import lines
from bifang.core.express.errand import Errand, Found
from bifang.core.express.lines import Line
from tests.deadline import eventually

R = TypeVar("R")


@asynccontextmanager
async def line_of_loop() -> AsyncIterator[Line]:
    """Open until the end of the context."""
    line = lines.open_line()
    assert line is not None
    try:
        yield line
    finally:
        lines.close_line(line)


async def ask(line: Line, errand: Errand[R]) -> R | None:
    """What it gives; None if it failed. Sent again until the line takes it: it opens and prepares on demand."""
    answer: asyncio.Future[Found | None] = asyncio.get_running_loop().create_future()

    def then(found: Found | None) -> None:
        answer.get_loop().call_soon_threadsafe(answer.set_result, found)

    await eventually(lambda: line.start(errand, then), what="a line that takes the errand")
    found = await asyncio.wait_for(answer, 120)
    return None if found is None else errand.read(found)
