"""Takes stored rows in order, has them answered, and stores the answers together with "handled"."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final
from weakref import WeakSet

from bifang.channels.ports import Channel, Draft, Handler, ReplySink, Turn, TurnResult
from bifang.channels.queues import inbox
from bifang.channels.text import outgoing
from bifang.channels.workers.processes import Owner
from bifang.core.database import db
from bifang.core.database.batcher import Batcher
from bifang.core.errors import BifangError
from bifang.core.monitoring import tracing
from bifang.core.monitoring.logs import ids
from bifang.core.outbound.backoff import Backoff

log = logging.getLogger(__name__)
IDLE_POLL: Final = 1.0  # seconds: others free rows, too, and tell nobody
# Rows claimed at once, less what waits for the database already. The rest stays in its place: what is stored late still
# comes before what was said after it, another worker may take it, and few are begun when this process dies.
PORTION: Final = 16
NEXT_PORTION_S: Final = 0.02

_consumers: "WeakSet[Consumer]" = WeakSet()


async def cancel(config_id: int, sender_id: str, conversation_id: str, *, beside: int = 0) -> int:
    """End a sender's running turns in a conversation, wherever they run, but row `beside`. Returns how many."""
    stopped = await db.call(inbox.stop, config_id, conversation_id, sender_id, beside=beside)
    for consumer in list(_consumers) if stopped else ():
        consumer.abandon(frozenset(stopped))
    return len(stopped)


class Silent:
    """A sink for channels that show no progress."""

    def progress(self, text: str) -> None:
        """Nothing to show."""

    def stream(self, text: Draft) -> None:
        """Nothing to show."""


class Consumer:
    """One per process. `capacity` is how many turns run at once; the rest waits in the database."""

    def __init__(
        self,
        owner: Owner,
        handlers: Mapping[str, Handler],
        channel: Channel,
        replied: Callable[[], None],
        *,
        capacity: int = 400,
        sink: Callable[[Turn], ReplySink] | None = None,
    ) -> None:
        self._owner = owner
        self._handlers = handlers
        self._channel = channel
        self._replied = replied
        self._capacity = capacity
        self._sink = sink
        self._running: dict[asyncio.Task[None], Turn] = {}
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.paused = False  # 维护模式: store, do not answer
        self._shared = False
        self._finish: Batcher[tuple[Turn, TurnResult], bool] = Batcher(inbox.finish, limit=50)
        _consumers.add(self)

    @property
    def running(self) -> int:
        """How many turns run now."""
        return len(self._running)

    def in_hand(self) -> list[int]:
        """Ids of the inbox rows whose claim is to be renewed."""
        return [turn.inbox_id for turn in self._running.values()]

    def share(self, processes: int) -> None:
        """So many processes store and claim these rows now."""
        self._shared = processes > 1

    def wake(self) -> None:
        """There may be new rows. From any thread."""
        with suppress(RuntimeError):  # the loop is closed: we are stopping, and the row is stored
            self._loop.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        self._wake.set()
        if self._shared:  # they are claimed when they have settled
            self._loop.call_later(inbox.SETTLED.total_seconds(), self._wake.set)

    def abandon(self, inbox_ids: frozenset[int]) -> None:
        """Cancel the turns of these rows, which are handled already. From any thread."""
        with suppress(RuntimeError):  # the loop is closed: nothing runs any more
            self._loop.call_soon_threadsafe(self._abandon, inbox_ids)

    def _abandon(self, inbox_ids: frozenset[int]) -> None:
        for task, turn in list(self._running.items()):
            if turn.inbox_id in inbox_ids:
                task.cancel()

    async def run(self, stop: asyncio.Event) -> None:
        """Claim and start turns until `stop`; database trouble is waited out."""
        backoff = Backoff(base=0.2, cap=5.0)
        while not stop.is_set():
            self._wake.clear()
            try:
                started = await self._start_some()
                backoff.reset()
            except Exception:
                log.exception("领取消息失败，稍后重试")
                started = 0
                await _either(stop, None, backoff.next())
            if not started:
                busy = db.backlog() >= PORTION
                await _either(stop, None if busy else self._wake, NEXT_PORTION_S if busy else IDLE_POLL)

    async def _start_some(self) -> int:
        if self.paused:
            return 0
        room = max(min(self._capacity - len(self._running), PORTION - db.backlog()), 0)
        turns = await db.call(inbox.claim, self._owner.name, room, self._owner.scope, shared=self._shared)
        for turn in turns:
            task = asyncio.create_task(self._one(turn))
            self._running[task] = turn
            task.add_done_callback(self._ended)
        return len(turns)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._running.pop(task, None)
        self._wake.set()  # something may have waited behind this one
        if not task.cancelled() and task.exception():
            log.error("处理消息的任务异常结束", exc_info=task.exception())

    async def _one(self, turn: Turn) -> None:
        ids.set(_fields(turn))
        db.rank.set(0 if turn.urgent else turn.inbox_id)
        try:
            with tracing.root(
                "message",
                turn.trace,
                turn.received_at_ms,
                config=turn.config_id,
                kind=turn.kind,
                attempt=turn.attempt,
            ):
                await self._answer(turn)
        except BifangError as error:
            log.warning("消息处理失败：%s", error.message, extra=_fields(turn))
            await self._failed(turn, error.message, permanent=error.permanent)
        except Exception as error:
            log.exception("消息处理出错", extra=_fields(turn))
            await self._failed(turn, f"内部错误：{type(error).__name__}（详见日志）", permanent=False)

    async def _answer(self, turn: Turn) -> None:
        with tracing.span("wait", begun_ms=turn.received_at_ms):  # from the receipt to the claim
            pass
        with tracing.span("answer"):
            result = await self._handlers[turn.kind](turn, self._sink_of(turn))
        with tracing.span("store"):
            await self._succeeded(turn, result)

    def _sink_of(self, turn: Turn) -> ReplySink:
        """Progress is best effort: without it the turn runs all the same."""
        try:
            return self._sink(turn) if self._sink else Silent()
        except Exception:
            log.exception("准备进度显示出错，这条消息不显示进度", extra=_fields(turn))
            return Silent()

    async def _succeeded(self, turn: Turn, result: TurnResult) -> None:
        replies = tuple(
            part for reply in result.replies for part in self._channel.split(outgoing.safe_reply(reply))
        )
        if not await self._persist(turn, replace(result, replies=replies)):
            log.warning("这条消息已被其他进程接管，本次结果作废", extra=_fields(turn))
            return
        log.debug("%s 消息已处理，%d 条回复待发送", self._channel.name, len(replies), extra=_fields(turn))
        self._replied()

    async def _persist(self, turn: Turn, result: TurnResult) -> bool:
        """The turn has run and must not run again for a database hiccup: insist while we hold the claim."""
        backoff: Backoff | None = None
        while True:
            try:
                return await self._finish.call((turn, result))
            except db.UNAVAILABLE:
                backoff = backoff or Backoff(base=0.1, cap=2.0)
                log.warning("保存处理结果失败，重试", extra=_fields(turn), exc_info=True)
                await asyncio.sleep(backoff.next())

    async def _failed(self, turn: Turn, reason: str, *, permanent: bool) -> None:
        try:
            await db.call(inbox.fail, turn, reason, permanent=permanent)
            self._replied()
        except Exception:
            log.exception("记录失败原因时出错，稍后会重新处理", extra=_fields(turn))

    async def drain(self, grace: float) -> None:
        """Let running turns finish for `grace` seconds, then cancel them: the next start takes them up."""
        if self._running:
            await asyncio.wait(self._running, timeout=grace)
        for task in list(self._running):
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=1.0)


def _fields(turn: Turn) -> dict[str, object]:
    return {"config": turn.config_id, "conversation": turn.conversation_id, "message_id": turn.external_id}


async def _either(stop: asyncio.Event, other: asyncio.Event | None, seconds: float) -> None:
    """Wait until one of the events is set, at most `seconds`."""
    waits = [asyncio.ensure_future(event.wait()) for event in (stop, other) if event is not None]
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
