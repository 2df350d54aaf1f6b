"""The company's own gateway: it is asked once, signed, and only a connector that names the tool is."""

import asyncio
import json

import pytest
from aiohttp import web
from django.utils import timezone

from bifang.channels.queues.claims import EVERYTHING
from secops_agent.agent.background.ringer import Ringer
from secops_agent.connectors.gateway import NONE, GatewayPhone
from secops_agent.models import CallMeans, CallState, WakeCall
from secops_agent.services.notifications.delivery.calling import CallOrder
from tests.deadline import eventually
from tests.secops.http_tools.aid import Device, with_device
from tests.secops.notifications import stage
from tests.secops.test_connectors import OtherSide, connect


def waiting():
    """A call through the gateway, to be made now."""
    now = timezone.now()
    return WakeCall.objects.create(
        config=stage.configure(), staff=stage.staff("lisi", "李四"), account="lisi", means=CallMeans.GATEWAY,
        text="毕方：没有人处理。", created_at=now, due_at=now,
    )  # fmt: skip


class Watched(GatewayPhone):
    """Says when it has an answer; what comes of it, its caller writes down before it ends."""

    rung = False

    async def ring(self, order):
        try:
            return await super().ring(order)
        finally:
            self.rung = True


def call(status=200, tools="wake_call"):
    """What the other side was asked, once the call is over."""
    side, row = OtherSide(lambda _: web.json_response({"message": "收到"}, status=status)), waiting()

    async def run():
        stop, phone = asyncio.Event(), Watched()
        async with side.serving() as url:
            await asyncio.to_thread(connect, f"{url}/voice", tools=tools)
            loop = asyncio.create_task(Ringer(EVERYTHING, phone, (CallMeans.GATEWAY,)).run(stop))
            await eventually(lambda: phone.rung, within=30, what="the call")
            stop.set()
            await loop

    asyncio.run(run())
    row.refresh_from_db()
    return row, side.asked


@pytest.mark.parametrize(
    ("status", "state"), [(200, CallState.MADE), (404, CallState.REFUSED), (503, CallState.UNKNOWN)]
)
def test_gateway_is_asked_once_and_its_answer_is_believed(database, status, state):
    row, asked = call(status)
    assert row.state == state
    ((headers, body),) = asked
    told = json.loads(body)
    assert (told["tool"], told["arguments"]["staff_id"]) == ("wake_call", "lisi")
    assert headers["X-Bifang-Signature"].startswith("sha256=")


def test_connector_for_everything_is_no_gateway(database):
    row, asked = call(tools="")
    assert (row.state, row.reason, asked) == (CallState.REFUSED, NONE, [])


@pytest.mark.django_db
def test_rest_api_written_as_a_tool_is_a_gateway():
    tool = {
        "class": "write", "request": {"method": "POST", "path": "/voice", "json": {"to": "{who}", "say": "{words}"}},
        "arguments": {"who": "string", "words": "string"},
    }  # fmt: skip
    wired = {"wake_call": {"tool": "ring", "arguments": {"who": "staff_id", "words": "text"}}}
    device = Device(answer=lambda request, text: web.json_response({"code": 0}))

    async def act(site):
        await GatewayPhone().ring(CallOrder(1, site.config.pk, "gateway_call", "lisi", "毕方：没有人处理。"))
        assert site.device.changes == [("POST", "/voice", {"to": "lisi", "say": "毕方：没有人处理。"})]

    with_device(act, {"ring": tool}, device, actions=wired)
