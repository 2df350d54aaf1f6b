"""What keeps the boxes healthy: heartbeats, takeover of dead workers' rows, erasing."""

import asyncio
import logging
import time
from contextlib import suppress

from bifang.channels.models import InboxRow, OutboxRow
from bifang.channels.queues import claims, notices
from bifang.channels.workers import processes
from bifang.channels.workers.consumer import Consumer
from bifang.channels.workers.processes import Owner
from bifang.channels.workers.sender import Sender
from bifang.core.database import db
from bifang.core.database.db import database_now
from bifang.core.switches import MAINTENANCE, read_switches

log = logging.getLogger(__name__)
RENEW_EVERY = 5.0
LOOK_EVERY = 2.0
TIDY_EVERY = 60.0


class Maintenance:
    """One per process, beside the consumer and the sender."""

    def __init__(self, owner: Owner, consumer: Consumer, sender: Sender) -> None:
        self._owner = owner
        self._consumer = consumer
        self._sender = sender
        self._renewed = self._tidied = float("-inf")
        self._missing: frozenset[int] = frozenset()  # rows in hand that were not ours at the last look

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; a database that does not answer is tried again at the next round."""
        while not stop.is_set():
            try:
                await self._round()
            except Exception:
                log.exception("维护任务出错，稍后重试")
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_EVERY)

    async def _round(self) -> None:
        now = time.monotonic()
        if now - self._renewed >= RENEW_EVERY:
            await self._renew()
            self._renewed = now
        freed = await db.call(release_expired)
        if freed:
            log.warning("接管了 %d 条领取到期的记录（原进程已停止或失联）", freed)
            self._consumer.wake()
        await self._abandon_lost()
        await self._heed_switches()
        if now - self._tidied >= TIDY_EVERY:
            self._tidied = now
            await db.call(tidy)

    async def _abandon_lost(self) -> None:
        """End turns that were stopped, or taken over, in another process: nothing of them is stored any more.

        Only at the second look in a row: the row of a turn that ends just now is not ours any more either.
        """
        in_hand = self._consumer.in_hand()
        ours = await db.call(claims.held_by, InboxRow, self._owner.name, in_hand) if in_hand else set()
        missing = frozenset(in_hand) - ours
        lost = missing & self._missing & frozenset(self._consumer.in_hand())
        self._missing = missing
        if lost:
            log.info("%d 条正在处理的消息已被停止或由其他进程接管，不再继续", len(lost))
            self._consumer.abandon(lost)

    async def _heed_switches(self) -> None:
        maintenance = MAINTENANCE in await db.call(read_switches)
        if maintenance != self._consumer.paused:
            log.warning("维护模式已%s", "打开：只收存，不回答" if maintenance else "关闭：继续回答")
            self._consumer.paused = maintenance
            self._consumer.wake()
        if await db.call(notices.tell_waiting, maintenance=maintenance):
            self._sender.look()

    async def _renew(self) -> None:
        asked_at = time.monotonic()
        colleagues = await db.call(
            processes.beat, self._owner, running=self._consumer.running, waiting=self._sender.waiting
        )
        await db.call(claims.renew, InboxRow, self._owner.name, self._consumer.in_hand())
        await db.call(claims.renew, OutboxRow, self._owner.name, self._sender.in_hand())
        self._sender.renewed_at = asked_at
        self._sender.share(colleagues)
        self._consumer.share(colleagues)


def release_expired() -> int:
    """Rows of both boxes whose process is dead or cut off; returns how many came free."""
    return claims.release_expired(InboxRow) + claims.release_expired(OutboxRow)


def tidy() -> None:
    """Erase expired webhooks; forget dead workers."""
    now = database_now()
    for box in (InboxRow, OutboxRow):
        erase = box._default_manager.filter(webhook_expires_at__lt=now, webhook__isnull=False)
        if erase.exists():
            erase.update(webhook=None)
    processes.forget_dead()
