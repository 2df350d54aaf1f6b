"""What the commands of long-running services have in common: what is checked, and how they fail."""

import _thread
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, ClassVar

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import connections

from bifang.channels.queues.claims import Remit
from bifang.channels.workers import processes
from bifang.channels.workers.client_threads import Trade
from bifang.channels.workers.processes import Owner
from bifang.channels.workers.supervisor import DatabaseGone, Supervisor
from bifang.channels.workers.worker import WorkerLoop
from bifang.core.command import OperatorCommand
from bifang.core.configuration import configs
from bifang.core.database import db
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from bifang.core.monitoring import startup

log = logging.getLogger(__name__)

# The worker process: its start, its signals and its end. What it is made of: assembly.

SWITCH_S = 0.001  # a thread that has something to store waits so long for one that computes, again and again
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def run(trade: Trade, build_loop: Callable[[Owner], WorkerLoop], config_id: int | None) -> None:
    """Run until a signal. Raises ConfigError, DatabaseGone."""
    sys.setswitchinterval(SWITCH_S)
    stop = threading.Event()
    owner = processes.take_name(Remit(trade.kind, config_id))
    supervisor = Supervisor(owner, lambda: build_loop(owner), stop, trade, config_id)
    _listen(stop, supervisor)
    log.info("%s 长连接服务已启动（进程 %s）", trade.kind, owner.name)
    try:
        supervisor.run(settings.STOP_GRACE_S)
    finally:
        db.shut_down()
        owner.close()
        log.info("%s 长连接服务已停止", trade.kind)


def _listen(stop: threading.Event, supervisor: Supervisor) -> None:
    """The first signal stops in good order, the second at once.

    In a thread: the one that is interrupted may hold the lock of an event, and would wait for itself for ever.
    """
    asked = False

    def on_signal(number: int, _: FrameType | None) -> None:
        nonlocal asked
        if asked:
            os._exit(128 + number)
        asked = True
        _thread.start_new_thread(begin, ())

    def begin() -> None:
        stop.set()
        supervisor.nudge()

    for number in SIGNALS:
        signal.signal(number, on_signal)


DATABASE_WAIT = 60.0  # seconds for a database that starts together with us
WHERE = "请在「系统配置」中修改。"


class ServiceCommand(OperatorCommand):
    """Serves the configurations of one kind. Exits non-zero only for what a restart or a person must mend."""

    trade: ClassVar[Trade]

    def add_arguments(self, parser: CommandParser) -> None:
        """The one configuration."""
        parser.add_argument("--config-id", type=int, metavar="ID", help="系统配置列表中的 ID")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check what must be there, then run until a signal."""
        try:
            startup.begin(self.trade.service.program)
            if options["config_id"] is not None:
                _check_config(self.trade, options["config_id"])
            connections.close_all()
            run(self.trade, self.build_loop, options["config_id"])
        except BifangError as error:
            raise CommandError(error.message) from None
        except DatabaseGone:
            raise CommandError("数据库长时间无法访问，进程退出，等待进程管理工具重新启动。") from None

    def build_loop(self, owner: Owner) -> WorkerLoop:
        """A fresh turn loop for the rows of the owner's scope."""
        raise NotImplementedError


def _check_config(trade: Trade, config_id: int) -> None:
    """CommandError naming exactly what keeps this configuration from being started."""
    row = SystemConfig.objects.current().filter(pk=config_id).first()
    if row is None or row.kind != trade.kind:
        raise CommandError(_missing(trade, config_id, row))
    if not row.enabled:
        raise CommandError(f"配置「{row.name}」（ID {config_id}）未启用，{WHERE}")
    try:
        configs.load(row)
    except BifangError as error:
        raise CommandError(f"配置「{row.name}」（ID {config_id}）不能使用：{error.message}") from None


def _missing(trade: Trade, config_id: int, row: SystemConfig | None) -> str:
    if row is not None:
        return f"配置「{row.name}」（ID {config_id}）不是{trade.service.title}配置。"
    known = SystemConfig.objects.current().filter(kind=trade.kind).values_list("pk", "name")
    listed = "、".join(f"{pk}（{name}）" for pk, name in known) or "没有；请先在「系统配置」中新增"
    return f"没有 ID 为 {config_id} 的配置。现有的{trade.service.title}配置：{listed}。"
