"""The company's own telephone or text message gateway: whatever carrier names the tool `GATEWAY_TOOL`."""

from bifang.core.configuration import configs
from bifang.core.database import db
from bifang.core.database.db import database_now
from bifang.core.errors import OutcomeUnknown, RemoteError
from bifang.core.outbound.http import HttpClient
from secops_agent.connectors.base import Connector
from secops_agent.connectors.registry import builder_of
from secops_agent.services.decisions.actions import Order
from secops_agent.services.decisions.carriers import named_carrier
from secops_agent.services.notifications.calls import GATEWAY_TOOL
from secops_agent.services.notifications.delivery.calling import CallOrder

NONE = f"没有语音/短信网关：新增一个处置连接器，「负责的操作」写 {GATEWAY_TOOL}。"


class GatewayPhone:
    """Asks for a call as for an action; nobody approves it."""

    async def ring(self, order: CallOrder) -> str:
        """The gateway is given who, and what is said; it knows their numbers. It gives no id."""
        arguments = {"name": order.name, "staff_id": order.account, "text": order.text}
        wanted = Order(
            order.pk,
            "",
            f"call-{order.pk}",
            GATEWAY_TOOL,
            f"叫 {order.name}",
            arguments,
            order.text,
            "毕方",
            "",
            database_now(),
        )
        async with HttpClient(pool=1) as http:
            connector = await db.call(_connector, http)
            answer = await connector.run(wanted)
        if answer.result == "unknown":
            raise OutcomeUnknown(answer.text, code="gateway")
        if answer.result != "done":
            raise RemoteError(answer.text, permanent=True, code="gateway")
        return ""

    async def recall(self, order: CallOrder) -> None:
        """What was said by telephone cannot be taken back."""


def _connector(http: HttpClient) -> Connector:
    row = named_carrier(GATEWAY_TOOL)
    if row is None:
        raise RemoteError(NONE, permanent=True, code="no_gateway")
    return builder_of(row.kind)(configs.load(row), http)
