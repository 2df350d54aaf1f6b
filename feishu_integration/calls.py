"""加急: how a Feishu configuration calls somebody, by a message that they have got."""

from typing import Final

from feishu_integration.applications import FeishuDoors
from feishu_integration.openapi.messages import UrgentBy
from secops_agent.models import CallMeans
from secops_agent.services.notifications.delivery.calling import CallOrder

URGENT_BY: Final[dict[str, UrgentBy]] = {
    CallMeans.URGENT_APP: "app", CallMeans.URGENT_SMS: "sms", CallMeans.URGENT_CALL: "phone",
}  # fmt: skip


class UrgentPhone:
    """One per event loop."""

    def __init__(self, doors: FeishuDoors) -> None:
        self._doors = doors

    async def ring(self, order: CallOrder) -> str:
        """Feishu gives no id of it."""
        door = await self._doors.get(order.config_id)
        await door.messages.urge(order.message_id, URGENT_BY[order.means], order.account)
        return ""

    async def recall(self, order: CallOrder) -> None:
        """Feishu ends a 加急 when it is read; there is nothing to take back."""
