"""What the turn loop of a worker is made of."""

import asyncio
import logging

from django.conf import settings

from bifang.channels.engine import Engine
from bifang.channels.leases import Owner
from bifang.channels.ports import Handler
from bifang.core import db
from bifang.core.config_cache import ConfigCache
from bifang.core.models import SystemConfig
from dingtalk_integration.cards.desk import Desk
from dingtalk_integration.cards.watchdog import Watchdog
from dingtalk_integration.channel import DingTalkChannel
from dingtalk_integration.handlers import cards, chat, events
from dingtalk_integration.handlers.chat import ChatTurns
from dingtalk_integration.ledger import Ledger
from dingtalk_integration.lines import Lines
from dingtalk_integration.metering import metered
from dingtalk_integration.worker.garbage import Sweeper
from secops_agent.agent.announcer import Announcer
from secops_agent.agent.bookkeeping import AuditKeeper
from secops_agent.agent.service import Agent
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
        await stop.wait()


def _uses_model() -> bool:
    return SystemConfig.objects.enabled("dingtalk").exclude(ai_config=None).exists()


def build_engine(owner: Owner, config_id: int | None) -> Engine:
    """A fresh turn loop; `config_id` restricts it to the rows of one configuration."""
    configs = ConfigCache()
    ledger = Ledger()
    lines = Lines(configs, ledger)
    desk = Desk(lines)
    channel = DingTalkChannel(lines, desk)
    only = frozenset([config_id]) if config_id is not None else None
    agent = Agent(configs)

    async def close() -> None:
        await channel.close()
        await agent.close()
        await ledger.save()

    handlers: dict[str, Handler] = {
        "chat": metered(desk.attend(ChatTurns(configs, agent).handle), lines),
        "event": events.handle,
        "card": metered(cards.handle, lines),
    }
    jobs = (
        WarmUp(agent),
        Announcer(),
        ActionRunner(owner.name),
        AuditKeeper(),
        Watchdog(desk, only),
        Sweeper(),
        ledger,
    )
    return Engine(
        owner,
        handlers,
        channel,
        config_ids=only,
        capacity=settings.TURN_CAPACITY,
        sink=desk.sink,
        foresee=chat.foresee,
        jobs=jobs,
        on_close=close,
    )
