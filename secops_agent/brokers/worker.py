"""The process: a consumer for each enabled configuration, looked after by one supervisor."""

import asyncio
import logging
import os
import secrets
import signal
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings

from bifang.core import configs, db
from bifang.core.errors import BifangError, ConfigError
from bifang.core.models import SystemConfig
from secops_agent.brokers import standing
from secops_agent.brokers.clients import client_for
from secops_agent.brokers.config import KIND
from secops_agent.brokers.consumer import StreamConsumer
from secops_agent.brokers.settings import BrokerSettings
from secops_agent.brokers.standing import ConsumerState
from secops_agent.models import ConsumerStatus

log = logging.getLogger(__name__)
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
