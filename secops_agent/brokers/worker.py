"""The process: a consumer for each enabled configuration, looked after by one supervisor."""

import asyncio
import logging
import os
import secrets
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from bifang.core.configuration import configs
from bifang.core.database import db
from bifang.core.database.db import is_unavailable
from bifang.core.errors import BifangError, ConfigError, RemoteError
from bifang.core.models import SystemConfig
from bifang.core.monitoring.failures import explain
from bifang.core.outbound.backoff import Backoff
from secops_agent.brokers import standing
from secops_agent.brokers.base import BrokerClient, opened
from secops_agent.brokers.clients import client_for
from secops_agent.brokers.config import KIND, BrokerSettings, configure_kafka
from secops_agent.brokers.standing import ConsumerState
from secops_agent.brokers.storing import store_alone, store_together
from secops_agent.models import ConsumerStatus
from secops_agent.services.intake import deliveries as letters
from secops_agent.services.intake.deliveries import MOST_DEAD, Delivery
from secops_agent.services.writing import Pace

log = logging.getLogger(__name__)

# One configuration: connect, take, store, confirm; and again after whatever went wrong.

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
    if is_unavailable(error):
        return f"数据库暂时无法写入，消息留在消息流里：{explain(error) or type(error).__name__}"
    if isinstance(error, BifangError):
        return error.message
    log.error("consume_alerts 出现意外错误", exc_info=error)
    return f"意外错误（{type(error).__name__}），详情见 logs/bifang.log。"


RECONCILE_EVERY_S: Final = 2.0
DATABASE_PATIENCE_S: Final = 300.0
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A configuration as it was last looked at: its settings, or what is wrong with it."""

    version: configs.Version
    settings: BrokerSettings | None
    problem: str = ""


@dataclass(slots=True)
class _Running:
    wanted: _Wanted
    state: ConsumerState
    stop: asyncio.Event
    task: asyncio.Task[None] | None = None


class ConsumerSupervisor:
    """`run` until ``stop``."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self._running: dict[int, _Running] = {}
        self._told_nothing = False

    async def run(self, stop: asyncio.Event) -> None:
        """Reconcile, then wind down. Raises ConfigError if the database is gone for long."""
        reached = time.monotonic()
        while not stop.is_set():
            try:
                await self._reconcile()
                reached = time.monotonic()
            except Exception:
                log.exception("consume_alerts 读取配置或写入状态失败，稍后重试")
                if time.monotonic() - reached > DATABASE_PATIENCE_S:
                    raise ConfigError("数据库长时间无法访问，进程退出，等待进程管理工具重新启动。") from None
            await _wait(stop, RECONCILE_EVERY_S)
        await asyncio.gather(*(self._end(config_id) for config_id in list(self._running)))

    async def _reconcile(self) -> None:
        known = {config_id: one.wanted.version for config_id, one in self._running.items()}
        rows = await db.call(_read, known)
        for config_id in set(self._running) - set(rows):
            await self._end(config_id)
        for config_id, wanted in rows.items():
            if wanted is not None:
                await self._end(config_id)
                self._running[config_id] = self._begin(wanted)
            self._mend(config_id)
        self._tell_nothing(bool(rows))
        await db.call(standing.publish, self.owner, {pk: one.state for pk, one in self._running.items()})

    def _begin(self, wanted: _Wanted) -> _Running:
        if wanted.settings is None:
            state = ConsumerState.fresh()
            state.turn(ConsumerStatus.PARKED, wanted.problem)
            return _Running(wanted, state, asyncio.Event())
        found = wanted.settings
        consumer, stop = StreamConsumer(found, lambda: client_for(found, self.owner)), asyncio.Event()
        return _Running(wanted, consumer.state, stop, asyncio.create_task(consumer.run(stop)))

    def _mend(self, config_id: int) -> None:
        one = self._running[config_id]
        if one.task is not None and one.task.done():
            log.error("consume_alerts 一个消费者意外结束，重新启动", exc_info=_failure(one.task))
            self._running[config_id] = self._begin(one.wanted)

    async def _end(self, config_id: int) -> None:
        one = self._running.pop(config_id, None)
        if one is not None and one.task is not None:
            one.stop.set()
            await asyncio.gather(one.task, return_exceptions=True)

    def _tell_nothing(self, some: bool) -> None:
        if not some and not self._told_nothing:
            log.warning("consume_alerts 没有启用的消息流：保持运行，在「系统配置」中启用后会自动连接")
        self._told_nothing = not some


def _failure(task: asyncio.Task[None]) -> BaseException | None:
    return None if task.cancelled() else task.exception()


def _read(known: Mapping[int, configs.Version]) -> dict[int, _Wanted | None]:
    """The enabled configurations; None for one that is as it was."""
    found: dict[int, _Wanted | None] = {}
    for row in SystemConfig.objects.enabled(KIND):
        version = configs.version_of(row)
        found[row.pk] = None if known.get(row.pk) == version else _look_at(row, version)
    return found


def _look_at(row: SystemConfig, version: configs.Version) -> _Wanted:
    try:
        return _Wanted(version, configs.load(row))
    except BifangError as error:
        log.error("consume_alerts 配置「%s」无法使用：%s", row.name, error.message)
        return _Wanted(version, None, error.message)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


def run() -> None:
    """Until a signal. Raises ConfigError."""
    owner = f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(4)}"
    log.info("consume_alerts 已启动（进程 %s）", owner)
    configure_kafka()
    try:
        asyncio.run(_main(owner))
    finally:
        db.shut_down()
        log.info("consume_alerts 已停止")


async def _main(owner: str) -> None:
    stop = asyncio.Event()
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, _on_signal, stop, number)
    work = asyncio.create_task(ConsumerSupervisor(owner).run(stop))
    asked = asyncio.create_task(stop.wait())
    await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.wait({work}, timeout=settings.STOP_GRACE_S)
    asked.cancel()
    if not work.done():
        log.warning("consume_alerts 没有在 %s 秒内停下，没写完的消息下次重新取", settings.STOP_GRACE_S)
        os._exit(0)
    work.result()
    await db.call(standing.withdraw, owner)


def _on_signal(stop: asyncio.Event, number: int, _: Any = None) -> None:
    """The first stops in good order, the second at once."""
    if stop.is_set():
        os._exit(128 + number)
    stop.set()
