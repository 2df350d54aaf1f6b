"""Background jobs of a worker's loop: the product's own work, which no channel knows."""

import asyncio
import gc
import logging
import time
from contextlib import suppress
from typing import Final

from bifang.channels.queues.claims import EVERYTHING
from bifang.channels.workers.processes import Owner
from bifang.channels.workers.worker import Job
from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.database import db
from bifang.core.database.durability import safe_on_disk
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from bifang.core.monitoring.journal import Journal
from secops_agent.agent.background.announcer import Announcer
from secops_agent.agent.background.ringer import Ringer
from secops_agent.agent.background.second_looks import SecondLooks
from secops_agent.agent.service import Agent
from secops_agent.connectors.device_readings import DeviceReader
from secops_agent.connectors.gateway import GatewayPhone
from secops_agent.connectors.runner import ActionRunner
from secops_agent.connectors.tool_checks import ToolWatcher
from secops_agent.models import CallMeans
from secops_agent.services.audit import chain, head
from secops_agent.services.audit.head import Head

log = logging.getLogger(__name__)

# Keeps the audit trail sealed, beside the chat.

journal = Journal(log, "审计链：")
EVERY_S: Final = 2.0
TELL_EVERY_S: Final = 3600.0  # the chain's end in the log
BREATH_S: Final = 0.05  # between two batches: the chat's own writes go first


class AuditSealer:
    """One per process, a job of the turn loop; of many, one seals at a time."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._told_at = -TELL_EVERY_S
        self._seen: Head | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; what is left unsealed then, the next start seals."""
        sealed = 0
        while not stop.is_set():
            try:
                sealed = await db.call(chain.seal)
                await self._keep_head()
            except Exception:
                log.exception("封存审计记录出错，稍后重试")
                sealed = 0
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop.wait(), BREATH_S if sealed else self._every_s)

    async def _keep_head(self) -> None:
        """Outside of the database: in the data directory, and every hour in the log."""
        now = await db.call(head.current)
        if now is None or now == self._seen:
            return
        self._seen = now
        await safe_on_disk()
        try:
            await db.call(head.keep, now)
        except BifangError as error:
            journal.write("head", error.message, level=logging.ERROR)
            return
        if time.monotonic() - self._told_at >= TELL_EVERY_S:
            self._told_at = time.monotonic()
            log.info("审计链尾：%s", now)


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
        settle_memory()
        await stop.wait()


def settle_memory() -> None:
    """What is loaded stays: the collector need not look through it again and again, 90 ms each time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _uses_model() -> bool:
    return SystemConfig.objects.filter(enabled=True).exclude(ai_config=None, ai_fallback=None).exists()


def own_jobs(agent: Agent, owner: Owner, configs: ConfigCache) -> tuple[Job, ...]:
    """The same in every worker, whichever channel it serves."""
    looks = SecondLooks(configs)
    gateway = Ringer(EVERYTHING, GatewayPhone(), (CallMeans.GATEWAY,))
    readers = ToolWatcher(), DeviceReader()
    return WarmUp(agent), Announcer(), looks, ActionRunner(owner.name), gateway, *readers, AuditSealer()
