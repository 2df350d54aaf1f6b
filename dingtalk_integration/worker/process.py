"""The worker process: what it is made of, its signals and its end."""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from types import FrameType

from django.conf import settings

from bifang.channels import leases
from bifang.channels.engine import Engine
from bifang.channels.ports import Handler
from bifang.core import db
from bifang.core.config_cache import ConfigCache
from bifang.core.models import SystemConfig
from dingtalk_integration.channel import DingTalkChannel
from dingtalk_integration.handlers import cards, events
from dingtalk_integration.handlers.chat import ChatTurns
from dingtalk_integration.worker.supervisor import Supervisor
from secops_agent.agent.service import Agent

log = logging.getLogger(__name__)
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class WarmUp:
    """Loads the model's SDK before the first question, where a configuration uses a model."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def run(self, stop: asyncio.Event) -> None:
        """Once; trouble shows itself at the first question."""
        try:
            if await db.call(_uses_model):
                await self._agent.warm_up()
        except Exception:
            log.exception("预先加载模型 SDK 失败，将在第一次提问时加载")
        await stop.wait()


def _uses_model() -> bool:
    return SystemConfig.objects.enabled("dingtalk").exclude(ai_config=None).exists()


def run(config_id: int | None) -> None:
    """Run until a signal. Raises ConfigError, DatabaseGone."""
    stop = threading.Event()
    owner = leases.take_name(str(config_id or ""))

    def make_engine() -> Engine:
        configs = ConfigCache()
        channel = DingTalkChannel(configs)
        agent = Agent(configs)

        async def close() -> None:
            await channel.close()
            await agent.close()

        handlers: dict[str, Handler] = {
            "chat": ChatTurns(configs, agent).handle,
            "event": events.handle,
            "card": cards.handle,
        }
        only = frozenset([config_id]) if config_id is not None else None
        return Engine(
            owner, handlers, channel,
            config_ids=only, capacity=settings.TURN_CAPACITY, jobs=(WarmUp(agent),), on_close=close,
        )  # fmt: skip

    # Client threads answer DingTalk while others compute: they should not wait 5 ms for their turn.
    sys.setswitchinterval(0.001)
    # What was imported stays; looking through it again and again costs up to 90 ms each time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    supervisor = Supervisor(owner, make_engine, stop, config_id)
    _listen(stop, supervisor)
    log.info("dingtalk Stream 推送服务已启动（进程 %s）", owner.name)
    try:
        supervisor.run(settings.STOP_GRACE_S)
    finally:
        db.shut_down()
        owner.close()
        log.info("dingtalk Stream 推送服务已停止")


def _listen(stop: threading.Event, supervisor: Supervisor) -> None:
    """The first signal stops in good order, the second at once."""

    def on_signal(number: int, _: FrameType | None) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()
        supervisor.nudge()

    for number in SIGNALS:
        signal.signal(number, on_signal)
