"""``POST /callback/ws/endpoint``, then the WebSocket with its pings."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from aiohttp import WSCloseCode, web

from bifang.core.errors import InvalidInput
from simulators.exchanges import read_object
from simulators.sockets import Message
from simulators.values import mint

from .frames import CONTROL, Frame, FrameError, decode, encode
from .links import Link
from .options import SERVICE_ID
from .world import World

SECRET_WRONG, NO_CREDENTIALS, TOO_MANY = 10014, 1000040344, 1000040350
PORTAL = "<!DOCTYPE html><html><head><title>请登录网络</title></head><body>请先登录公司网络</body></html>"
BODIES = {
    "html": (PORTAL, "text/html"),
    "empty": ("", "application/json"),
    "json-array": ("[]", "application/json"),
    "no-url": ('{"code":0,"msg":"success","data":{"ClientConfig":{}}}', "application/json"),
    "no-device": ('{"code":0,"data":{"URL":"ws://127.0.0.1:1/ws?x=1"}}', "application/json"),
    "not-json": ('{"code":', "application/json"),
}
REFUSALS = {
    "auth": ("514", "auth failed", "1000040343"),
    "connections": ("514", "the number of connections exceeded the limit", str(TOO_MANY)),
    "forbidden": ("403", "forbidden", ""),
}
# The status line of a refused handshake is not documented; clients must read the headers.
REFUSED_STATUS = 401


@dataclass(slots=True)
class Gateway:
    """The endpoints. ``tickets``: (app id, monotonic expiry) by device id."""

    world: World
    tickets: dict[str, tuple[str, float]] = field(default_factory=dict)

    def routes(self) -> list[web.RouteDef]:
        """All endpoints."""
        return [web.post("/callback/ws/endpoint", self.open), web.get("/ws", self.connect)]

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Check the credentials and hand out the URL (used once, within 90 s) and the ClientConfig."""
        try:
            body = await read_object(request)
        except InvalidInput:
            return _answer(NO_CREDENTIALS, "invalid request")
        app_id = str(body.get("AppID") or "")
        broken = await self._break(app_id)
        if broken is not None:
            return broken
        app = self.world.apps.get(app_id)
        if app is None or body.get("AppSecret") != app.secret:
            self.world.calls["endpoint_refused"] += 1
            given = app_id and body.get("AppSecret")
            return _answer(SECRET_WRONG if given else NO_CREDENTIALS, "app_id or app_secret is invalid")
        return self._admit(request, app_id)

    def _admit(self, request: web.Request, app_id: str) -> web.Response:
        self.world.calls["endpoint"] += 1
        device_id = mint("")
        self.tickets[device_id] = (app_id, time.monotonic() + self.world.options.ticket_ttl_s)
        query = {
            "device_id": device_id,
            "access_key": mint(""),
            "service_id": SERVICE_ID,
            "ticket": mint(""),
        }
        config = self.world.options.client_config()
        data = {"URL": f"ws://{request.host}/ws?{urlencode(query)}", "ClientConfig": config}
        return _answer(0, "success", data)

    async def _break(self, app_id: str) -> web.Response | None:
        faults = self.world.faults
        await faults.stall("endpoint", app_id, self.world.stopping)
        status = faults.take("endpoint_status", app_id)
        if status:
            return web.Response(status=int(status), text="故障注入")
        code = faults.take("endpoint_code", app_id)
        if code:
            return _answer(int(code), f"故障注入 {code}")
        body = faults.take("endpoint_body", app_id)
        if body:
            text, content_type = BODIES.get(str(body), (str(body), "text/plain"))
            return web.Response(text=text, content_type=content_type)
        return None

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Serve one WebSocket, or refuse it in headers."""
        device_id = request.query.get("device_id", "")
        app_id, expires = self.tickets.pop(device_id, ("", 0.0))
        refused = self._refuse(app_id if expires > time.monotonic() else "")
        if refused is not None or request.query.get("service_id") != str(SERVICE_ID):
            return refused or _refuse_handshake(*REFUSALS["auth"])
        link = Link(app_id, device_id, SERVICE_ID, request.headers.get("User-Agent", ""))
        link.frozen = self.world.faults.peek("half_open", app_id) == "all"
        await link.socket.prepare(request)
        await self._serve(link, request)
        return link.socket

    def _refuse(self, app_id: str) -> web.Response | None:
        if not app_id:
            return _refuse_handshake(*REFUSALS["auth"])
        fault = self.world.faults.take("handshake", app_id)
        if fault:
            return _refuse_handshake(*REFUSALS.get(str(fault), (str(fault), "refused", "")))
        if len(self.world.links.all(app_id)) >= self.world.options.most_connections:
            return _refuse_handshake(*REFUSALS["connections"])
        return None

    async def _serve(self, link: Link, request: web.Request) -> None:
        world = self.world
        world.links.add(link)
        closer = asyncio.create_task(self._close_when_old(link))
        world.deliveries.flush(link.owner)
        try:
            await link.serve(request, lambda message: self._take(link, message))
        finally:
            closer.cancel()
            await asyncio.gather(closer, return_exceptions=True)
            world.links.remove(link)

    async def _close_when_old(self, link: Link) -> None:
        every = self.world.faults.peek("close_every_s", link.owner)
        if every:
            await asyncio.sleep(float(every))
            await link.close(WSCloseCode.OK)

    def _take(self, link: Link, message: Message) -> None:
        try:
            frame = decode(message) if isinstance(message, bytes) else None
        except FrameError:
            frame = None
        if frame is None:
            self.world.deliveries.count_noise()
        elif frame.method == CONTROL:
            self._answer_ping(link, frame)
        else:
            self.world.deliveries.receive(link, frame)

    def _answer_ping(self, link: Link, frame: Frame) -> None:
        if frame.headers.get("type") != "ping" or frame.service != link.service_id:
            self.world.deliveries.count_noise()
            return
        link.pings += 1
        faults = self.world.faults
        if faults.take("no_pong", link.owner):
            return
        config = self.world.options.client_config() | dict(faults.take("pong_config", link.owner) or {})
        body = faults.take("pong_body", link.owner)
        payload = json.dumps(config) if body is None else str(body)
        link.push(encode(Frame(0, 0, frame.service, CONTROL, {"type": "pong"}, payload.encode())))


def _answer(code: int, message: str, data: dict[str, Any] | None = None) -> web.Response:
    return web.json_response({"code": code, "msg": message, **({"data": data} if data else {})})


def _refuse_handshake(status: str, message: str, auth_code: str) -> web.Response:
    headers = {"Handshake-Status": status, "Handshake-Msg": message}
    if auth_code:
        headers["Handshake-Autherrcode"] = auth_code
    return web.Response(status=REFUSED_STATUS, headers=headers)
