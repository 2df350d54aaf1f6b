"""What the turn loop of a worker is made of."""

from django.conf import settings

from bifang.channels.cards.reaper import CardReaper
from bifang.channels.ports import Handler
from bifang.channels.queues.claims import Remit
from bifang.channels.workers.processes import Owner
from bifang.channels.workers.worker import WorkerLoop
from bifang.core.configuration.config_cache import ConfigCache
from dingtalk_integration.applications import ApplicationClients
from dingtalk_integration.calls import REMIND_TYPES, DingPhone
from dingtalk_integration.cards.platform import card_service
from dingtalk_integration.channel import DingTalkChannel
from dingtalk_integration.handlers import events
from dingtalk_integration.handlers.chat import ChatTurns
from dingtalk_integration.quotas.api_usage import CallCounter
from dingtalk_integration.quotas.metering import metered
from dingtalk_integration.worker.missed import MissedCallbacks
from secops_agent.agent.acting import clicks
from secops_agent.agent.background.jobs import own_jobs
from secops_agent.agent.background.ringer import Ringer
from secops_agent.agent.service import Agent
from secops_agent.services.decisions.settled_cards import outdated
from secops_agent.web_chat.channel import WithWeb, sink_of


def build_loop(owner: Owner) -> WorkerLoop:
    """A fresh turn loop for the rows of the owner's scope."""
    config_id, configs, counter = owner.scope.config_id, ConfigCache(), CallCounter()
    clients = ApplicationClients(configs, counter)
    cards = card_service(clients)
    channel = DingTalkChannel(clients, cards)
    only = frozenset([config_id]) if config_id is not None else None
    agent = Agent(configs)

    async def close() -> None:
        await channel.close()
        await agent.close()
        await counter.save()

    handlers: dict[str, Handler] = {
        "chat": metered(cards.attend(ChatTurns(configs, agent, clients).handle), clients),
        "event": events.handle,
        "card": metered(clicks.handle, clients),
    }
    reaper = CardReaper(cards, outdated, config_id)
    ringer = Ringer(Remit("dingtalk", config_id), DingPhone(clients), REMIND_TYPES)
    jobs = (*own_jobs(agent, owner, configs), reaper, counter, MissedCallbacks(clients, only), ringer)
    return WorkerLoop(
        owner,
        handlers,
        WithWeb(channel),
        capacity=settings.TURN_CAPACITY,
        sink=lambda turn: sink_of(turn, cards.sink),
        jobs=jobs,
        on_close=close,
    )
