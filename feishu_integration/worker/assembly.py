"""What the turn loop of a Feishu worker is made of."""

from django.conf import settings

from bifang.channels.cards.reaper import CardReaper
from bifang.channels.ports import Handler
from bifang.channels.queues.claims import Remit
from bifang.channels.workers.processes import Owner
from bifang.channels.workers.worker import WorkerLoop
from bifang.core.configuration.config_cache import ConfigCache
from feishu_integration.addresses import place_limiter
from feishu_integration.applications import FeishuDoors
from feishu_integration.calls import URGENT_BY, UrgentPhone
from feishu_integration.cards.platform import card_service
from feishu_integration.channel import FeishuChannel
from feishu_integration.handlers import cards as clicks
from feishu_integration.handlers import organisation_events
from feishu_integration.handlers.chat import FeishuTurns
from secops_agent.agent.background.jobs import own_jobs
from secops_agent.agent.background.ringer import Ringer
from secops_agent.agent.service import Agent
from secops_agent.services.decisions.settled_cards import outdated
from secops_agent.web_chat.channel import WithWeb, sink_of


def build_loop(owner: Owner) -> WorkerLoop:
    """A fresh turn loop for the rows of the owner's scope."""
    config_id = owner.scope.config_id
    configs = ConfigCache()
    doors, agent = FeishuDoors(configs), Agent(configs)
    places = place_limiter(on=settings.RATE_LIMITS)
    cards = card_service(doors, places)
    channel = FeishuChannel(doors, cards, places)

    ringer = Ringer(Remit("feishu", config_id), UrgentPhone(doors), URGENT_BY)

    async def close() -> None:
        await channel.close()
        await agent.close()

    handlers: dict[str, Handler] = {
        "chat": cards.attend(FeishuTurns(doors, agent).handle),
        "event": organisation_events.handle,
        "card": clicks.handle,
    }
    return WorkerLoop(
        owner,
        handlers,
        WithWeb(channel),
        capacity=settings.TURN_CAPACITY,
        sink=lambda turn: sink_of(turn, cards.sink),
        jobs=(*own_jobs(agent, owner, configs), CardReaper(cards, outdated, config_id), ringer),
        on_close=close,
    )
