"""DING: how a DingTalk configuration calls somebody."""

from typing import Final

from dingtalk_integration.applications import ApplicationClients
from dingtalk_integration.models import Purpose
from dingtalk_integration.openapi.ding import RemindType
from dingtalk_integration.quotas.api_usage import spending
from secops_agent.models import CallMeans
from secops_agent.services.notifications.delivery.calling import CallOrder

REMIND_TYPES: Final[dict[str, RemindType]] = {
    CallMeans.DING_APP: 1, CallMeans.DING_SMS: 2, CallMeans.DING_CALL: 3,
}  # fmt: skip


class DingPhone:
    """One per event loop."""

    def __init__(self, clients: ApplicationClients) -> None:
        self._clients = clients

    async def ring(self, order: CallOrder) -> str:
        """Its openDingId."""
        client = await self._clients.get(order.config_id)
        with spending(Purpose.ALERT):
            return await client.dings.send(order.account, REMIND_TYPES[order.means], order.text)

    async def recall(self, order: CallOrder) -> None:
        """By its openDingId."""
        client = await self._clients.get(order.config_id)
        with spending(Purpose.ALERT):
            await client.dings.recall(order.receipt)
