"""Counts the messages that DingTalk pushed, and hears that it withholds them."""

from bifang.channels.ports import Handler, ReplySink, Turn, TurnResult
from dingtalk_integration.applications import ApplicationClients
from dingtalk_integration.handlers.contents import OVER_QUOTA
from dingtalk_integration.models import ApiFamily, QuotaLedger
from secops_agent.web_chat.lines import is_web


def metered(handler: Handler, clients: ApplicationClients) -> Handler:
    """The handler, with each message counted once, however often its turn is run."""

    async def handle(turn: Turn, sink: ReplySink) -> TurnResult:
        if turn.attempt == 1 and not is_web(turn.target):
            await _count(turn, clients)
        return await handler(turn, sink)

    return handle


async def _count(turn: Turn, clients: ApplicationClients) -> None:
    client_id = (await clients.get(turn.config_id)).settings.client_id
    if turn.payload.get("cannot_read") == OVER_QUOTA:
        clients.counter.used_up(client_id, QuotaLedger.MESSAGES)
    else:
        clients.counter.count(client_id, ApiFamily.STREAM)
