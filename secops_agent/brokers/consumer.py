"""One configuration: connect, take, store, confirm; and again after whatever went wrong."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Final

from django.utils import timezone

from bifang.core import db
from bifang.core.backoff import Backoff
from bifang.core.db import UNAVAILABLE
from bifang.core.errors import BifangError, RemoteError
from bifang.core.failures import explain
from secops_agent.brokers.base import BrokerClient, opened
from secops_agent.brokers.settings import BrokerSettings
from secops_agent.brokers.standing import ConsumerState
from secops_agent.brokers.storing import store_alone, store_together
from secops_agent.models import ConsumerStatus
from secops_agent.services.intake import deliveries as letters
from secops_agent.services.intake.deliveries import MOST_DEAD, Delivery
from secops_agent.services.writing import Pace

log = logging.getLogger(__name__)
WAIT_S: Final = 1.0  # for a first message
LOOK_S: Final = 5.0  # between two looks at what waits
FEWEST, MOST = 8, 512  # messages at a time
LITTLE, MUCH = 1 << 20, 16 << 20  # bytes at a time
FULL: Final = (
    f"死信已有 {MOST_DEAD} 条，停止取消息（消息留在消息流里，不会丢）：请先在「消息流死信」里重试或丢弃。"
)


class Appetite:
    """How many messages to take at once: more while they are small, so that memory stays bounded."""

    def __init__(self) -> None:
        self.count = FEWEST

    def learn(self, deliveries: Sequence[Delivery]) -> None:
        """From what was taken."""
        size = sum(len(each.data) for each in deliveries)
        if size > MUCH:
            self.count = max(self.count // 4, 1)
        elif size < LITTLE and len(deliveries) == self.count:
            self.count = min(self.count * 2, MOST)


class StreamConsumer:
    """Runs until ``stop``. ``state`` is what others may read of it."""

    def __init__(self, settings: BrokerSettings, connect: Callable[[], BrokerClient]) -> None:
        self.settings = settings
        self.state = ConsumerState.fresh()
        self._connect = connect
        self._pace = Pace(thing_of=lambda message: message.mark)
        self._appetite = Appetite()
        self._looked = float("-inf")

    async def run(self, stop: asyncio.Event) -> None:
        """A permanent error parks it: only another configuration helps, and that is another consumer."""
        waits = Backoff(cap=60.0, stable=10.0)
        while not stop.is_set():
            try:
                async with opened(self._connect()) as broker:
                    await broker.join()
                    await self._consume(broker, stop, waits)
            except Exception as error:
                if stop.is_set():
                    return
                if isinstance(error, BifangError) and error.permanent:
                    self._park(error.message)
                    await stop.wait()
                    return
                await self._rest(stop, waits.next(), _told(error))

    def _park(self, message: str) -> None:
        log.error("consume_alerts 「%s」停下：%s", self.settings.name, message)
        self.state.turn(ConsumerStatus.PARKED, message)

    async def _rest(self, stop: asyncio.Event, seconds: float, message: str) -> None:
        state = self.state
        state.turn(ConsumerStatus.RETRYING, message)
        state.attempts += 1
        state.retry_at = timezone.now() + timedelta(seconds=seconds)
        log.warning("consume_alerts 「%s」%.1f 秒后重试：%s", self.settings.name, seconds, message)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)

    async def _consume(self, broker: BrokerClient, stop: asyncio.Event, waits: Backoff) -> None:
        """Nothing is taken while the database cannot be asked: what nobody took, another consumer can have."""
        while not stop.is_set():
            if await db.call(letters.count_dead, self.settings.id) >= MOST_DEAD:
                raise RemoteError(FULL, permanent=False)
            await self._look(broker)
            if self.state.status != ConsumerStatus.CONNECTED:
                log.info(
                    "consume_alerts 已连接「%s」", self.settings.name, extra={"config": self.settings.id}
                )
                self.state.turn(ConsumerStatus.CONNECTED)
                self.state.attempts, self.state.retry_at = 0, None
                waits.up()
            taken = await broker.fetch(self._appetite.count, WAIT_S)
            if taken:
                self._appetite.learn(taken)
                self.state.last_message_at = timezone.now()
                await self._store(broker, taken, stop)

    async def _look(self, broker: BrokerClient) -> None:
        if time.monotonic() - self._looked >= LOOK_S:
            self._looked = time.monotonic()
            backlog = await broker.backlog()
            self.state.lag, self.state.pending = backlog.lag, backlog.pending

    async def _store(self, broker: BrokerClient, taken: Sequence[Delivery], stop: asyncio.Event) -> None:
        """What is not dealt with in the end goes back at once, for whoever is there."""
        left = {each.position: each for each in taken}
        async with _held(broker, left):
            try:
                for piece in self._pace.chunks(taken):
                    if stop.is_set():
                        return
                    await self._store_piece(broker, piece, left)
            finally:
                with suppress(BifangError):  # the connection may be what went wrong
                    for message in list(left.values()):
                        await broker.put_back(message, 0)

    async def _store_piece(
        self, broker: BrokerClient, piece: Sequence[Delivery], left: dict[str, Delivery]
    ) -> None:
        rest = {each.position for each in await db.call(store_together, self.settings, piece)}
        done = [each for each in piece if each.position not in rest]
        for message in (each for each in piece if each.position in rest):
            later = await db.call(store_alone, self.settings, message)
            if later is None:
                done.append(message)
            else:
                del left[message.position]
                await broker.put_back(message, later)
        if done:
            await broker.confirm(done)
        self.state.taken += len(done)
        for message in done:
            del left[message.position]


@asynccontextmanager
async def _held(broker: BrokerClient, left: dict[str, Delivery]) -> AsyncIterator[None]:
    """While a large document is stored, what is in our hands is nobody else's."""

    async def hold() -> None:
        while True:
            await asyncio.sleep(broker.hold_s / 4)
            with suppress(BifangError):
                await broker.hold(list(left.values()))

    task = asyncio.create_task(hold())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _told(error: Exception) -> str:
    if isinstance(error, UNAVAILABLE):
        return f"数据库暂时无法写入，消息留在消息流里：{explain(error) or type(error).__name__}"
    if isinstance(error, BifangError):
        return error.message
    log.error("consume_alerts 出现意外错误", exc_info=error)
    return f"意外错误（{type(error).__name__}），详情见 logs/bifang.log。"
