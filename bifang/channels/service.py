"""The worker process: its start, its signals and its end. What it is made of: assembly."""

import _thread
import logging
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

from django.conf import settings

from bifang.channels import processes
from bifang.channels.claims import Remit
from bifang.channels.client_threads import Trade
from bifang.channels.processes import Owner
from bifang.channels.supervisor import Supervisor
from bifang.channels.worker import WorkerLoop
from bifang.core import db

log = logging.getLogger(__name__)
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def run(trade: Trade, build_loop: Callable[[Owner], WorkerLoop], config_id: int | None) -> None:
    """Run until a signal. Raises ConfigError, DatabaseGone."""
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
