"""What the turn loop of a Feishu worker is made of."""

from django.conf import settings

from bifang.channels.consumer import Silent
from bifang.channels.ports import Handler
from bifang.channels.processes import Owner
from bifang.channels.worker import WorkerLoop
from bifang.core.config_cache import ConfigCache
from feishu_integration.applications import FeishuDoors
from feishu_integration.channel import FeishuChannel
from feishu_integration.handlers import cards as clicks
from feishu_integration.handlers import events
from feishu_integration.handlers.chat import FeishuTurns
from secops_agent.agent.jobs import own_jobs
from secops_agent.agent.service import Agent
from secops_agent.web_chat.channel import WithWeb, sink_of


def build_loop(owner: Owner) -> WorkerLoop:
    """A fresh turn loop for the rows of the owner's scope."""
    configs = ConfigCache()
    doors, agent = FeishuDoors(configs), Agent(configs)

    async def close() -> None:
        await doors.close()
        await agent.close()

    handlers: dict[str, Handler] = {
        "chat": FeishuTurns(doors, agent).handle,
        "event": events.handle,
        "card": clicks.handle,
    }
    return WorkerLoop(
        owner,
        handlers,
        WithWeb(FeishuChannel(doors)),
        capacity=settings.TURN_CAPACITY,
        sink=lambda turn: sink_of(turn, lambda _: Silent()),
        jobs=own_jobs(agent, owner, configs),
        on_close=close,
    )
