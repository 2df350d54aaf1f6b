"""Takes stored rows in order, has them answered, and stores the answers together with "handled"."""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from weakref import WeakSet

from bifang.channels import handling, inbox, outgoing
from bifang.channels.handling import Finished
from bifang.channels.leases import Owner
from bifang.channels.ports import Channel, Draft, Foresee, Handler, Part, ReplySink, Turn, TurnResult
from bifang.core import db
from bifang.core.backoff import Backoff
from bifang.core.batcher import Batcher
from bifang.core.errors import BifangError
from bifang.core.express.errand import Errand

log = logging.getLogger(__name__)
IDLE_POLL = 1.0
YIELD, YIELDS = 0.005, 100  # seconds, times


_dispatchers: "WeakSet[Dispatcher]" = WeakSet()


async def cancel(config_id: int, sender_id: str, conversation_id: str, *, beside: int = 0) -> int:
    """End a sender's running turns in a conversation, wherever they run, but row `beside`. Returns how many."""
    stopped = await db.call(handling.stop, config_id, conversation_id, sender_id, beside=beside)
    for dispatcher in list(_dispatchers) if stopped else ():
        dispatcher.abandon(frozenset(stopped))
    return len(stopped)


def pressed() -> bool:
    """Is this process busy with a burst? What can wait a little does then."""
    running = sum(dispatcher.running for dispatcher in list(_dispatchers))
    return running >= inbox.BURST or inbox.in_a_burst()


class Silent:
    """A sink for channels that show no progress."""

    def progress(self, text: str) -> None:
        """Nothing to show."""

    def stream(self, text: Draft) -> None:
        """Nothing to show."""


class Dispatcher:
    """One per process. `capacity` is how many turns run at once; the rest waits in the database."""

    def __init__(
        self,
        owner: Owner,
        handlers: Mapping[str, Handler],
        channel: Channel,
        deliver: Callable[[list[Part]], None],
        *,
        capacity: int = 400,
        config_ids: frozenset[int] | None = None,
        sink: Callable[[Turn], ReplySink] | None = None,
        foresee: Foresee = lambda item: None,
    ) -> None:
        self._owner = owner
        self._handlers = handlers
        self._channel = channel
        self._deliver = deliver
        self._capacity = capacity
        self._config_ids = config_ids
        self._sink = sink
        self.foresee = foresee
        self._running: dict[asyncio.Task[None], Turn] = {}
        self._wake = asyncio.Event()
        self.paused = False  # 维护模式: store, do not answer
        self._handed: deque[Turn] = deque()  # stored and leased to us, not started yet
        self.owner_name = owner.name
        self._woken = False
        self._queued = True  # there may be rows in the database that wait for us
        self._waiting = True  # there were rows when we last looked: one may be next when a turn ends
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._looked_at = float("-inf")
        self._draining = False
        _dispatchers.add(self)
        self._finish: Batcher[Finished, list[Part] | None] = Batcher(
            lambda items: handling.finish(items, self._owner.name),
            alone=self._finish_alone,
        )

    def _finish_alone(self, item: Finished) -> Errand[list[Part] | None] | None:
        """In a burst others end soon, and many together take less of everybody's time."""
        return None if pressed() else handling.finish_alone(item, self._owner.name)

    @property
    def running(self) -> int:
        """How many turns run now."""
        return len(self._running)

    def in_hand(self) -> list[int]:
        """Ids of the inbox rows whose lease is to be renewed."""
        return [turn.inbox_id for turn in (*self._running.values(), *self._handed)]

    def room(self) -> int:
        """How many rows may be handed over as they are stored. From any thread, so roughly."""
        return 0 if self.paused else self._capacity - len(self._running) - len(self._handed)

    def take(self, turns: Sequence[Turn]) -> None:
        """Start these soon. From any thread; they take up room at once."""
        self._handed.extend(turns)
        if threading.get_ident() == self._thread:
            self._start_handed()
            return
        with suppress(RuntimeError):  # the loop is closed: the next start takes them over
            self._loop.call_soon_threadsafe(self._start_handed)

    def _start_handed(self) -> None:
        """Not while a burst is being stored: then `run` does, when it is over."""
        if self._draining or inbox.in_a_burst():
            self._wake.set()
        else:
            self._start_all_handed()

    def _start_all_handed(self) -> int:
        count = 0
        while self._handed:
            self._start(self._handed.popleft())
            count += 1
        return count

    def wake(self) -> None:
        """There may be new rows. From any thread; once is enough until the loop has looked."""
        if self._woken:
            return
        self._woken = True
        with suppress(RuntimeError):  # the loop is closed: we are stopping, and the row is stored
            self._loop.call_soon_threadsafe(self._look)

    def abandon(self, inbox_ids: frozenset[int]) -> None:
        """Cancel the turns of these rows, which are handled already. From any thread."""
        with suppress(RuntimeError):  # the loop is closed: nothing runs any more
            self._loop.call_soon_threadsafe(self._abandon, inbox_ids)

    def _abandon(self, inbox_ids: frozenset[int]) -> None:
        for task, turn in list(self._running.items()):
            if turn.inbox_id in inbox_ids:
                task.cancel()

    def _look(self) -> None:
        self._woken = False
        self._queued = True
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Claim and start turns until `stop`; database trouble is waited out."""
        backoff = Backoff(base=0.2, cap=5.0)
        while not stop.is_set():
            self._wake.clear()
            await self._let_arrive()
            try:
                started = await self._start_some()
                backoff.reset()
            except Exception:
                log.exception("领取消息失败，稍后重试")
                started = 0
                await _either(stop, None, backoff.next())
            if not started:
                await _either(stop, self._wake, IDLE_POLL)

    async def _let_arrive(self) -> None:
        """While a burst is being stored its senders wait for their acks: answering can wait a moment longer."""
        for _ in range(YIELDS):
            if not inbox.in_a_burst():
                return
            await asyncio.sleep(YIELD)

    async def _start_some(self) -> int:
        handed = self._start_all_handed()
        overdue = self._loop.time() - self._looked_at >= IDLE_POLL  # others free rows, too, and tell nobody
        if self.paused or not (self._queued or overdue):
            return handed
        self._queued, self._looked_at = False, self._loop.time()
        room = self._capacity - len(self._running)
        turns = await db.call(self._claim, max(room, 0))
        for turn in turns:
            self._start(turn)
        return handed + len(turns)

    def _claim(self, room: int) -> list[Turn]:
        self._waiting = handling.anything_waits()
        return handling.claim(self._owner.name, room, self._config_ids) if self._waiting else []

    def _start(self, turn: Turn) -> None:
        task = asyncio.create_task(self._one(turn))
        self._running[task] = turn
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._running.pop(task, None)
        if self._waiting:
            self._queued = True  # something may have waited behind this one
            self._wake.set()
        if not task.cancelled() and task.exception():
            log.error("处理消息的任务异常结束", exc_info=task.exception())

    async def _one(self, turn: Turn) -> None:
        try:
            result = await self._handlers[turn.kind](turn, self._sink_of(turn))
            await self._succeeded(turn, result)
        except BifangError as error:
            log.warning("消息处理失败：%s", error.message, extra=_fields(turn))
            await self._failed(turn, error.message, permanent=error.permanent)
        except Exception as error:
            log.exception("消息处理出错", extra=_fields(turn))
            await self._failed(turn, f"内部错误：{type(error).__name__}（详见日志）", permanent=False)

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
        if result.note:
            await db.call(handling.annotate, turn, result.note)
        parts = await self._persist(Finished(turn, replies, result.rows))
        if parts is None:
            log.warning("租约已被其他进程接管，本次结果作废", extra=_fields(turn))
            return
        log.debug("%s 消息已处理，%d 条回复待发送", self._channel.name, len(parts), extra=_fields(turn))
        self._deliver(parts)

    async def _persist(self, finished: Finished) -> list[Part] | None:
        """The turn has run and must not run again for a database hiccup: insist while we hold the lease."""
        backoff: Backoff | None = None
        while True:
            try:
                return await self._finish.call(finished)
            except db.UNAVAILABLE:
                backoff = backoff or Backoff(base=0.1, cap=2.0)
                log.warning("保存处理结果失败，重试", extra=_fields(finished.turn), exc_info=True)
                await asyncio.sleep(backoff.next())

    async def _failed(self, turn: Turn, reason: str, *, permanent: bool) -> None:
        try:
            await db.call(handling.fail, turn, reason, permanent=permanent)
        except Exception:
            log.exception("记录失败原因时出错，租约到期后会重试", extra=_fields(turn))

    async def drain(self, grace: float) -> None:
        """Let running turns finish for `grace` seconds, then cancel them: the next start takes them up."""
        self._draining = True
        self._handed.clear()
        if self._running:
            await asyncio.wait(self._running, timeout=grace)
        for task in list(self._running):
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=1.0)


def _fields(turn: Turn) -> dict[str, object]:
    return {"config": turn.config_id, "conversation": turn.conversation_id, "message_id": turn.external_id}


async def _either(stop: asyncio.Event, other: asyncio.Event | None, seconds: float) -> bool:
    """Wait until one of the events is set, at most `seconds`; False if neither was."""
    waits = [asyncio.ensure_future(event.wait()) for event in (stop, other) if event is not None]
    done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    return bool(done)
