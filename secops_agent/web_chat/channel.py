"""The page as a `Channel`, beside another one; and the sink that shows an answer while it grows."""

import asyncio
import logging
from collections.abc import Callable

from bifang.channels.ports import Channel, Delivered, Draft, Part, Reply, ReplySink, Turn
from bifang.channels.text import outgoing
from bifang.channels.workers.consumer import Silent
from bifang.core.database import db
from secops_agent.web_chat import lines

log = logging.getLogger(__name__)
EVERY_S = 0.6


class WithWeb:
    """A channel, and the page for what was asked there."""

    def __init__(self, other: Channel) -> None:
        self._other = other
        self.name = other.name

    def split(self, reply: Reply) -> tuple[Reply, ...]:
        """As the other channel needs it: a page shows several messages as well as one."""
        return self._other.split(reply)

    async def deliver(self, part: Part) -> Delivered:
        """To the page, or by the other channel."""
        if not lines.is_web(part.target):
            return await self._other.deliver(part)
        await db.call(lines.deliver, part)
        return Delivered("web")

    def share(self, processes: int) -> None:
        """Only the other channel has limits."""
        self._other.share(processes)


class PageSink:
    """Writes the answer so far now and then. One per turn."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._latest: Draft = ""
        self._task: asyncio.Task[None] | None = None

    def progress(self, text: str) -> None:
        """What is being done, until there is an answer."""
        if not self._latest:
            self.stream(f"*{text}*")

    def stream(self, text: Draft) -> None:
        """The whole answer so far."""
        self._latest = text
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write())

    async def _write(self) -> None:
        await asyncio.sleep(EVERY_S)
        text = self._latest() if callable(self._latest) else self._latest
        try:
            if text:
                await db.call(self._store, text)
        except db.UNAVAILABLE:
            log.debug("网页聊天的进度没有写入", exc_info=True)

    def _store(self, text: str) -> None:
        lines.draft(self._turn.conversation_id, self._turn.inbox_id, outgoing.safe_text(text))


def sink_of(turn: Turn, other: Callable[[Turn], ReplySink]) -> ReplySink:
    """The page's sink for what was asked there, else the other channel's."""
    if not lines.is_web(turn.target):
        return other(turn)
    return PageSink(turn) if turn.kind == "chat" else Silent()
