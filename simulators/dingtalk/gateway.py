"""The Stream gateway: registration over HTTP, then the WebSocket."""

import asyncio
import json
import logging
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSCloseCode, web

from simulators.faults import Faults
from simulators.values import mint

from .deliveries import Deliveries
from .links import Link, Links
from .options import Options, Robot

logger = logging.getLogger(__name__)
AUTH_FAILED = {"code": "authFailed", "message": "鉴权失败"}
PORTAL = "<!DOCTYPE html><html><head><title>请登录网络</title></head><body>请先登录公司网络</body></html>"
BODIES = {
    "html": (PORTAL, "text/html"),
    "empty": ("", "application/json"),
    "json-array": ("[]", "application/json"),
    "no-endpoint": ('{"ticket":"x"}', "application/json"),
    "not-json": ('{"endpoint":', "application/json"),
}


@dataclass(frozen=True, slots=True)
class Ticket:
    """Permission for one connection. ``expires``: monotonic seconds."""

    client_id: str
    subscriptions: set[tuple[str, str]]
    user_agent: str
    expires: float


@dataclass(slots=True)
class Gateway:
    """``POST /v1.0/gateway/connections/open`` and ``GET /connect?ticket=``."""

    options: Options
    robots: dict[str, Robot]
    faults: Faults
    links: Links
    deliveries: Deliveries
    stopping: asyncio.Event
    tickets: dict[str, Ticket] = field(default_factory=dict)
    opened: int = 0
    refused: int = 0

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Check the credentials and hand out endpoint and ticket (90 s, once)."""
        body = await _read_object(request)
        client_id = str(body.get("clientId") or "")
        broken = await self._break(client_id)
        if broken is not None:
            return self._refuse(client_id, "正在注入故障", broken)
        robot = self.robots.get(client_id)
        if robot is None or body.get("clientSecret") != robot.secret:
            refusal = answer_error(401, AUTH_FAILED["code"], AUTH_FAILED["message"])
            return self._refuse(client_id, "Client Secret 与这个应用的不一致", refusal)
        return self._admit(request, client_id, body)

    def _refuse(self, client_id: str, reason: str, answer: web.Response) -> web.Response:
        self.refused += 1
        if client_id in self.robots:
            self.links.refused[client_id] = reason
        return answer

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Serve one WebSocket; a ticket that is unknown, used or expired is refused."""
        ticket = self.tickets.pop(request.query.get("ticket", ""), None)
        if ticket is None or ticket.expires < time.monotonic():
            return answer_error(401, "invalidTicket", "ticket 不存在、已使用或已过期")
        link = Link(ticket.client_id, ticket.subscriptions, ticket.user_agent)
        link.frozen = self.faults.peek("half_open", ticket.client_id) == "all"
        await link.socket.prepare(request)
        await self._serve(link, request)
        return link.socket

    async def _serve(self, link: Link, request: web.Request) -> None:
        self.opened += 1
        self.links.add(link)
        pinger = asyncio.create_task(self._ping(link))
        self.deliveries.flush(link.client_id)
        try:
            await link.run(request, self.deliveries)
        finally:
            pinger.cancel()
            await asyncio.gather(pinger, return_exceptions=True)
            self.links.remove(link)

    async def _ping(self, link: Link) -> None:
        while True:
            await asyncio.sleep(self.options.ping_every_s)
            if not link.draining:
                link.ping()

    def _admit(self, request: web.Request, client_id: str, body: dict[str, Any]) -> web.Response:
        ticket = mint("ticket-")
        self._forget_expired()
        self.tickets[ticket] = Ticket(
            client_id,
            _parse_subscriptions(body.get("subscriptions")),
            str(body.get("ua") or ""),
            time.monotonic() + self.options.ticket_ttl_s,
        )
        endpoint = f"ws://{request.host}/connect"
        if "application/json" not in request.headers.get("Accept", ""):
            # The gateway answers XML to those who do not ask for JSON (comment in DingTalk's Node SDK).
            xml = f"<result><endpoint>{endpoint}</endpoint><ticket>{ticket}</ticket></result>"
            return web.Response(text=xml, content_type="application/xml")
        return web.json_response({"endpoint": endpoint, "ticket": ticket})

    async def _break(self, client_id: str) -> web.Response | None:
        await self.faults.stall("open", client_id, self.stopping)
        status = self.faults.take("open_status", client_id)
        if status:
            error = (
                AUTH_FAILED
                if int(status) == 401
                else {"code": "unknownError", "message": f"故障注入 {status}"}
            )
            return answer_error(int(status), error["code"], error["message"])
        body = self.faults.take("open_body", client_id)
        if body:
            text, content_type = BODIES.get(str(body), (str(body), "text/plain"))
            return web.Response(text=text, content_type=content_type)
        return None

    def _forget_expired(self) -> None:
        now = time.monotonic()
        for key in [key for key, ticket in self.tickets.items() if ticket.expires < now]:
            del self.tickets[key]


def answer_error(status: int, code: str, message: str, **rest: Any) -> web.Response:
    """An error as the gateway and the new OpenAPI give it."""
    body = {"requestid": mint("").upper(), "code": code, "message": message, **rest}
    return web.json_response(body, status=status)


async def close_all(links: Links) -> None:
    """Close every connection with 1001, going away."""
    await asyncio.gather(*(link.close(WSCloseCode.GOING_AWAY) for link in links.all()))


async def _read_object(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read())
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _parse_subscriptions(given: Any) -> set[tuple[str, str]]:
    rows = given if isinstance(given, list) else []
    return {(str(row.get("type")), str(row.get("topic"))) for row in rows if isinstance(row, dict)}
