"""Delivers outbox rows: in order in each conversation, side by side otherwise, until the remote side accepts."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from bifang.channels.metrics import SENDS
from bifang.channels.ports import Channel, Delivered, Part
from bifang.channels.queues import outbox
from bifang.channels.queues.claims import HOLD
from bifang.channels.queues.outbox import Sent
from bifang.channels.workers.processes import Owner
from bifang.core.database import db
from bifang.core.database.batcher import Batcher
from bifang.core.errors import BifangError, OutcomeUnknown, RateLimited
from bifang.core.monitoring import tracing
from bifang.core.monitoring.journal import Journal
from bifang.core.outbound.backoff import Backoff

log = logging.getLogger(__name__)
POLL = 1.0
ROOM = 500
LONGEST_PAUSE = 10.0  # seconds between attempts: how late the first reply is after an outage
GIVE_UP_AFTER = 24 * 3600.0  # seconds of trying one part
# What was sent and is not written down when this process dies is sent again: so few at once. Whoever waits for a slow
# network, or for a limit, holds nobody up.
UNWRITTEN = 4
SLOW_S = 0.05


class _Pace:
    """Lets replies go while few that went are not written down."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(UNWRITTEN)

    @asynccontextmanager
    async def going(self) -> AsyncIterator[Callable[[], None]]:
        """While one goes and is written down; call what is given once it has arrived, or not."""
        await self._room.acquire()
        given_up = False

        def give_up() -> None:
            nonlocal given_up
            given_up = True
            self._room.release()

        slow = asyncio.get_running_loop().call_later(SLOW_S, give_up)
        try:
            yield slow.cancel
        finally:
            slow.cancel()
            if not given_up:
                self._room.release()


class Sender:
    """One per process. A delivery is repeated until accepted or refused for good; a turn never is."""

    def __init__(
        self,
        owner: Owner,
        channel: Channel,
    ) -> None:
        self._owner = owner
        self._channel = channel
        self._queues: dict[str, deque[Part]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._more = asyncio.Event()
        self._sent: Batcher[Sent, None] = Batcher(outbox.mark_sent, submit=db.promptly)
        self._pace = _Pace()
        self._journal = Journal(log, channel.name)
        self.renewed_at = time.monotonic()

    @property
    def waiting(self) -> int:
        """Parts in this process's hands."""
        return sum(len(queue) for queue in self._queues.values())

    def in_hand(self) -> list[int]:
        """Ids of the outbox rows whose claim is to be renewed."""
        return [part.outbox_id for queue in self._queues.values() for part in queue]

    def _take(self, parts: list[Part]) -> None:
        for part in parts:
            queue = self._queues.get(part.order_key)
            if queue is None:
                self._queues[part.order_key] = queue = deque()
                task = asyncio.create_task(self._work(part.order_key, queue))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            queue.append(part)

    def share(self, processes: int) -> None:
        """So many processes send for these configurations now."""
        self._channel.share(processes)

    def look(self) -> None:
        """There may be new rows. In the loop's thread."""
        self._more.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Claim what waits until `stop`, and once more then."""
        while not stop.is_set():
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._more.wait(), POLL)
            self._more.clear()
            try:
                room = ROOM - len(self._queues)
                self._take(await db.call(outbox.claim, self._owner.name, room, self._owner.scope))
            except Exception:
                log.exception("领取待发送的回复失败，稍后重试")

    async def drain(self, grace: float) -> None:
        """Try once what is in hand, for at most `grace` seconds; hand the rest back."""
        self._stopping.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        left = [part for queue in self._queues.values() for part in queue]
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)
        if left:
            await db.call(outbox.let_go, left)

    async def _work(self, key: str, queue: "deque[Part]") -> None:
        backoff = Backoff(base=1.0, cap=LONGEST_PAUSE)
        try:
            while queue:
                if await self._attempt(queue[0], backoff):
                    queue.popleft()
                    backoff.reset()
                elif self._stopping.is_set():
                    break
        except Exception:
            # Not in hand any more, so the claims run out and the rows are claimed again.
            log.exception("发送任务异常结束，这些回复会重新领取", extra=_fields(queue[0]))
        finally:
            if not self._stopping.is_set():
                del self._queues[key]
                self._more.set()  # something may have waited behind this one

    async def _attempt(self, part: Part, backoff: Backoff) -> bool:
        """Try once. True: this part needs nothing more from us."""
        if self._renewed_long_ago() and not await db.call(outbox.ours(part).exists):
            log.warning("这条回复已被其他进程接管，不再发送", extra=_fields(part))
            return True
        try:
            async with self._pace.going() as has_arrived:
                with tracing.span("send", part.trace, config=part.config_id, channel=self._channel.name):
                    delivered = await self._channel.deliver(part)
                    tracing.mark(route=delivered.route)
                has_arrived()
                await self._accepted(part, delivered)
        except BifangError as error:
            return await self._refused(part, error, backoff)
        except Exception as error:
            log.exception("发送回复出错", extra=_fields(part))
            wrapped = BifangError(f"内部错误：{type(error).__name__}（详见日志）", permanent=False)
            return await self._refused(part, wrapped, backoff)
        return True

    def _renewed_long_ago(self) -> bool:
        return time.monotonic() - self.renewed_at > HOLD.total_seconds() * 0.8

    async def _accepted(self, part: Part, delivered: Delivered) -> None:
        log.info("%s 回复已送达，途径 %s", self._channel.name, delivered.route, extra=_fields(part))
        self._count(part, "sent")
        self._journal.calm()
        backoff: Backoff | None = None
        while True:
            try:
                await self._sent.call(Sent(part, delivered))
                return
            except db.UNAVAILABLE:
                backoff = backoff or Backoff(base=0.1, cap=2.0)
                log.warning("记录送达失败，重试", extra=_fields(part), exc_info=True)
                await asyncio.sleep(backoff.next())

    async def _refused(self, part: Part, error: BifangError, backoff: Backoff) -> bool:
        if isinstance(error, OutcomeUnknown):
            self._count(part, "unknown")
            log.warning("%s 消息结果未知：%s", self._channel.name, error.message, extra=_fields(part))
            await self._record(outbox.mark_unknown, part, error.message)
            return True
        if error.permanent or time.time() - part.created_ms / 1000 > GIVE_UP_AFTER:
            self._count(part, "refused")
            log.warning("%s 回复被拒绝：%s", self._channel.name, error.message, extra=_fields(part))
            await self._record(outbox.mark_dead, part, error.message)
            return True
        self._count(part, "failed")
        self._journal.write(
            f"{part.config_id} {error.message}", f"回复暂时发不出去：{error.message}", extra=_fields(part)
        )
        await self._record(outbox.mark_waiting, part, error.message)
        await self._pause(error.retry_after if isinstance(error, RateLimited) else backoff.next())
        return False

    def _count(self, part: Part, result: str) -> None:
        kind = "card" if part.card else "file" if part.file else "reply" if part.inbox_id else "notice"
        SENDS.add(self._channel.name, kind, result)

    async def _record(self, write: Callable[[Part, str], bool], part: Part, reason: str) -> None:
        try:
            await db.call(write, part, reason)
        except db.UNAVAILABLE:
            log.warning("记录发送状态失败", extra=_fields(part), exc_info=True)

    async def _pause(self, seconds: float) -> None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


def _fields(part: Part) -> dict[str, object]:
    return {"config": part.config_id, "conversation": part.target.conversation_id, "message_id": part.key}
