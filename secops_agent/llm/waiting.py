"""The line before a model that answers only so many at a time: first come, first served, and everybody is told."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from bifang.core.errors import RemoteError
from secops_agent.llm.types import Delta, OnDelta

LONGEST: Final = 8  # waiting for each place: whoever comes then is not kept waiting for nothing
TOLD_EVERY_S: Final = 5.0


class WaitingLine:
    """``places`` 0: no limit. One per event loop."""

    def __init__(self, name: str, places: int) -> None:
        self._name, self._places = name, places
        self._free = places
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def place(self, seconds: float, on_delta: OnDelta | None) -> AsyncIterator[None]:
        """Hold a place. RemoteError "queue" if the line is too long, or does not move for ``seconds``."""
        if not self._places:
            yield
            return
        await self._enter(seconds, on_delta)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, seconds: float, on_delta: OnDelta | None) -> None:
        if self._free and not self._waiting:
            self._free -= 1
            return
        if len(self._waiting) >= LONGEST * self._places:
            raise RemoteError(f"{self._name}正忙，排队已满。", permanent=False, code="queue")
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(seconds):
                await self._wait(turn, on_delta)
        except BaseException as error:
            if turn in self._waiting:
                self._waiting.remove(turn)
            else:
                self._leave()  # the place came, and nobody is there any more
            if isinstance(error, TimeoutError):
                text = f"{self._name}正忙，排队 {seconds:g} 秒还没有轮到。"
                raise RemoteError(text, permanent=False, code="queue") from None
            raise

    async def _wait(self, turn: asyncio.Future[None], on_delta: OnDelta | None) -> None:
        while not turn.done():
            if on_delta is not None:
                ahead = self._waiting.index(turn) + self._places
                on_delta(Delta(notice=f"{self._name}正忙，排队中：前面还有 {ahead} 个提问"))
            await asyncio.wait({turn}, timeout=TOLD_EVERY_S)

    def _leave(self) -> None:
        if self._waiting:
            self._waiting.popleft().set_result(None)
        else:
            self._free += 1
