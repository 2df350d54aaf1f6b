"""What the turn loop of a worker is made of."""

import asyncio
import gc
import logging

from django.conf import settings

from bifang.channels.ports import Handler
from bifang.channels.processes import Owner
from bifang.channels.worker import Job, WorkerLoop
from bifang.core import db
from bifang.core.config_cache import ConfigCache
from bifang.core.models import SystemConfig
from dingtalk_integration.api_usage import CallCounter
from dingtalk_integration.applications import ApplicationClients
from dingtalk_integration.cards.reaper import CardReaper
from dingtalk_integration.cards.service import CardService
from dingtalk_integration.channel import DingTalkChannel
from dingtalk_integration.handlers import cards, events
from dingtalk_integration.handlers.chat import ChatTurns
from dingtalk_integration.metering import metered
from dingtalk_integration.worker.missed import MissedCallbacks
from secops_agent.agent.announcer import Announcer
from secops_agent.agent.audit_sealer import AuditSealer
from secops_agent.agent.second_looks import SecondLooks
from secops_agent.agent.service import Agent
from secops_agent.connectors.mcp.checks import McpWatcher
from secops_agent.connectors.runner import ActionRunner
from secops_agent.web_chat.channel import WithWeb, sink_of

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
    return SystemConfig.objects.enabled("dingtalk").exclude(ai_config=None, ai_fallback=None).exists()


def _own_jobs(agent: Agent, owner: Owner, configs: ConfigCache) -> tuple[Job, ...]:
    looks = SecondLooks(configs)
    return WarmUp(agent), Announcer(), looks, ActionRunner(owner.name), McpWatcher(), AuditSealer()


def build_loop(owner: Owner, config_id: int | None) -> WorkerLoop:
    """A fresh turn loop; `config_id` restricts it to the rows of one configuration."""
    configs = ConfigCache()
    counter = CallCounter()
    clients = ApplicationClients(configs, counter)
    card_service = CardService(clients)
    channel = DingTalkChannel(clients, card_service)
    only = frozenset([config_id]) if config_id is not None else None
    agent = Agent(configs)

    async def close() -> None:
        await channel.close()
        await agent.close()
        await counter.save()

    handlers: dict[str, Handler] = {
        "chat": metered(card_service.attend(ChatTurns(configs, agent, clients).handle), clients),
        "event": events.handle,
        "card": metered(cards.handle, clients),
    }
    reaper = CardReaper(card_service, only)
    jobs = (*_own_jobs(agent, owner, configs), reaper, counter, MissedCallbacks(clients, only))
    return WorkerLoop(
        owner,
        handlers,
        WithWeb(channel),
        config_id=config_id,
        capacity=settings.TURN_CAPACITY,
        sink=lambda turn: sink_of(turn, card_service.sink),
        jobs=jobs,
        on_close=close,
    )
