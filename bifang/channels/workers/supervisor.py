"""Keeps one client thread for every enabled configuration, and the turn loop beside them."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bifang.channels.streams.settings import LinkSettings
from bifang.channels.workers import client_status
from bifang.channels.workers.client_status import Shown
from bifang.channels.workers.client_threads import ClientThread, Trade
from bifang.channels.workers.processes import Owner
from bifang.channels.workers.worker import WorkerLoop
from bifang.core.configuration import configs
from bifang.core.database import db
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig

log = logging.getLogger(__name__)
RECONCILE_EVERY = 2.0  # seconds
DATABASE_PATIENCE = 300.0  # seconds without a database before a restart by the process manager is worth a try


class DatabaseGone(Exception):
    """The database did not answer for `DATABASE_PATIENCE` seconds."""


@dataclass(slots=True)
class _Wanted:
    """A configuration as it was last looked at."""

    version: configs.Version
    settings: LinkSettings | None = None
    problem: str = ""
    served: bool = False  # without a connection: this process answers all the same


@dataclass(slots=True)
class Supervisor:
    """`run` until the stop event. Database calls go through the database threads, never this one."""

    owner: Owner
    make_loop: Callable[[], WorkerLoop]
    stop: threading.Event
    trade: Trade
    config_id: int | None = None
    _loop: WorkerLoop | None = None
    _wanted: dict[int, _Wanted] = field(default_factory=dict)
    _clients: dict[int, ClientThread] = field(default_factory=dict)
    _changed: threading.Event = field(default_factory=threading.Event)
    _told_nothing: bool = False

    def run(self, grace: float) -> None:
        """Reconcile until `stop`, then wind down. Raises DatabaseGone."""
        self._start_loop()
        reached = time.monotonic()
        try:
            while not self.stop.is_set():
                try:
                    self._reconcile()
                    reached = time.monotonic()
                except Exception:
                    log.exception("%s 读取配置或写入状态失败，稍后重试", self.trade.kind)
                    if time.monotonic() - reached > DATABASE_PATIENCE:
                        raise DatabaseGone from None
                self._changed.wait(RECONCILE_EVERY)
                self._changed.clear()
        finally:
            self._wind_down(grace)

    def nudge(self) -> None:
        """Look again now. From any thread; a signal handler may hold the lock that it needs."""
        self._changed.set()

    def _start_loop(self) -> None:
        self._loop = self.make_loop()
        self._loop.start()

    def _reconcile(self) -> None:
        rows = (
            db.threads()
            .submit(_read, self.trade, self.config_id, {k: w.version for k, w in self._wanted.items()})
            .result()
        )
        for config_id in set(self._wanted) - {row.config_id for row in rows}:
            self._drop(config_id)
        for row in rows:
            if row.fresh is not None:
                self._wanted[row.config_id] = row.fresh
                # Parked, it would wait for minutes: what is wrong may have been mended on the platform's side.
                if row.config_id in self._clients:
                    self._clients[row.config_id].wake()
            self._fit(row.config_id, self._wanted[row.config_id])
        self._tell_nothing(bool(rows))
        if self._loop is not None and not self._loop.alive and not self.stop.is_set():
            log.error("%s 消息循环已结束，重新启动", self.trade.kind)
            self._start_loop()
        self._publish()

    def _fit(self, config_id: int, wanted: _Wanted) -> None:
        """Bring the thread of one configuration in line with what is wanted."""
        client = self._clients.get(config_id)
        if wanted.settings is None:
            self._stop_client(config_id)
            return
        settings = wanted.settings
        if client is not None and client.alive and client.settings == settings:
            return
        if client is not None and not client.alive:
            log.error("%s 客户端线程已结束，重新启动", self.trade.kind, extra={"config": config_id})
        self._stop_client(config_id)
        log.info("%s 开始连接「%s」", self.trade.kind, settings.name, extra={"config": config_id})
        link = self.trade.connect(config_id, settings, self._wake_loop, lambda _: self._changed.set())
        self._clients[config_id] = ClientThread(self.trade.kind, config_id, settings, link)

    def _drop(self, config_id: int) -> None:
        del self._wanted[config_id]
        if config_id in self._clients:
            log.info(
                "%s 配置已停用或删除，断开连接；已收到的消息会继续处理",
                self.trade.kind,
                extra={"config": config_id},
            )
        self._stop_client(config_id)

    def _stop_client(self, config_id: int) -> None:
        client = self._clients.pop(config_id, None)
        if client is not None:
            client.stop()

    def _wake_loop(self) -> None:
        if self._loop is not None:
            self._loop.wake()

    def _tell_nothing(self, some: bool) -> None:
        if some:
            self._told_nothing = False
        elif not self._told_nothing:
            self._told_nothing = True
            what = (
                f"配置 {self.config_id} 已停用"
                if self.config_id
                else f"没有启用的{self.trade.service.title}配置"
            )
            log.warning("%s %s：服务保持运行，在「系统配置」中启用后会自动连接", self.trade.kind, what)

    def _publish(self) -> None:
        shown = {
            config_id: Shown(self._clients[config_id].state)
            if config_id in self._clients
            else Shown(problem=wanted.problem)
            for config_id, wanted in self._wanted.items()
            if not wanted.served
        }
        db.threads().submit(client_status.publish, self.owner.name, shown).result()

    def _wind_down(self, grace: float) -> None:
        for client in self._clients.values():
            client.stop()
        end = time.monotonic() + 2.0
        for client in self._clients.values():
            client.join(max(end - time.monotonic(), 0.0))
        if self._loop is not None:
            self._loop.stop(grace)
        try:
            db.threads().submit(client_status.withdraw, self.owner.name).result(5)
        except Exception:
            log.exception("%s 清除连接状态失败", self.trade.kind)


@dataclass(frozen=True, slots=True)
class _Row:
    """An enabled configuration; `fresh` only if its version is not the known one."""

    config_id: int
    fresh: _Wanted | None


def _read(trade: Trade, config_id: int | None, known: dict[int, configs.Version]) -> list[_Row]:
    rows = SystemConfig.objects.enabled(trade.kind).select_related("ai_config", "ai_fallback")
    if config_id is not None:
        rows = rows.filter(pk=config_id)
    versions = [(row, configs.version_of(row)) for row in rows]
    return [
        _Row(row.pk, None if known.get(row.pk) == version else _look_at(trade, row, version))
        for row, version in versions
    ]


def _look_at(trade: Trade, row: SystemConfig, version: configs.Version) -> _Wanted:
    try:
        settings = trade.settings_of(configs.load(row))
    except BifangError as error:
        log.error("%s 配置无法使用：%s", trade.kind, error.message, extra={"config": row.pk})
        return _Wanted(version, problem=error.message)
    if settings is None:
        log.info("%s 配置「%s」%s", trade.kind, row.name, trade.service.unconnected, extra={"config": row.pk})
        return _Wanted(version, served=True)
    return _Wanted(version, settings)
