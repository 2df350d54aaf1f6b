"""What else runs in the loop of a worker: the product's own work, which no channel knows."""

import asyncio
import gc
import logging

from bifang.channels.processes import Owner
from bifang.channels.worker import Job
from bifang.core import db
from bifang.core.config_cache import ConfigCache
from bifang.core.models import SystemConfig
from secops_agent.agent.announcer import Announcer
from secops_agent.agent.audit_sealer import AuditSealer
from secops_agent.agent.second_looks import SecondLooks
from secops_agent.agent.service import Agent
from secops_agent.connectors.mcp.checks import McpWatcher
from secops_agent.connectors.runner import ActionRunner

log = logging.getLogger(__name__)


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
    return WarmUp(agent), Announcer(), looks, ActionRunner(owner.name), McpWatcher(), AuditSealer()
