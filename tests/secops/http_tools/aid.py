"""A company with a device that has a REST API, on a real socket."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from bifang.core.configuration import configs
from bifang.core.database import db
from bifang.core.models import SystemConfig
from tests.secops.decisions_aid import company, new_agent, say
from tests.secops.mcp.aid import Estate

WALL = "边界防火墙"
TOKEN = "Bearer device-token-1234567890"
TOOLS: dict[str, Any] = {
    "get_rule": {
        "class": "read", "request": {"path": "/rules/{address}"}, "arguments": {"address": "ip"}, "extract": "data.rule",
        "success": {"status": [200, 404]}, "errors": {"404": "没有这条规则"},
    },
    "block": {
        "class": "dangerous",
        "request": {"method": "POST", "path": "/rules", "json": {"ip": "{address}", "minutes": "{minutes}", "by": "bifang"}},
        "arguments": {"address": "ip", "minutes": {"type": "integer", "minimum": 1, "optional": True}},
        "success": {"status": [200, 201], "json": {"code": 0}, "message": "msg"}, "verify": "get_rule", "undo": "unblock",
    },
    "unblock": {
        "class": "dangerous", "request": {"method": "DELETE", "path": "/rules/{address}"}, "arguments": {"address": "ip"},
        "verify": "get_rule",
    },
}  # fmt: skip
ACTIONS: dict[str, Any] = {
    "block_ip": {"tool": "block", "arguments": {"address": "ip", "minutes": "duration_minutes"}},
    "unblock_ip": {"tool": "unblock", "arguments": {"address": "ip"}},
}


@dataclass
class Device:
    """A firewall of rules; ``calls``: method, raw path with query, JSON body. ``answers``: path → what is answered instead; ``answer``: to anything."""

    rules: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: dict[str, Callable[[web.Request, str], web.StreamResponse]] = field(default_factory=dict)
    answer: Callable[[web.Request, str], web.StreamResponse] | None = None
    url: str = ""

    @property
    def changes(self) -> list[tuple[str, str, Any]]:
        """What was not only read."""
        return [call for call in self.calls if call[0] != "GET"]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any request."""
        text = await request.text()
        self.calls.append(
            (request.method, request.raw_path, json.loads(text) if text[:1] in "{[" and text else text)
        )
        self.headers.append(dict(request.headers))
        other = self.answers.get(request.path) or self.answer
        return other(request, text) if other else self._rules(request, text)

    def _rules(self, request: web.Request, text: str) -> web.StreamResponse:
        if request.headers.get("Authorization") != TOKEN:
            return web.json_response({"code": 401, "msg": "unauthorized"}, status=401)
        name = request.path.removeprefix("/rules").strip("/")
        if request.method == "POST":
            body = json.loads(text)
            self.rules[body["ip"]] = body
            return web.json_response({"code": 0, "msg": "ok"}, status=201)
        if request.method == "DELETE":
            return web.json_response({"code": 0, "removed": bool(self.rules.pop(name, None))})
        rule = self.rules.get(name)
        return web.json_response(
            {"data": {"rule": rule}} if rule else {"msg": "nothing"}, status=200 if rule else 404
        )


def save(url: str, tools: dict[str, Any] | None = None, name: str = WALL, **more: Any) -> SystemConfig:
    """The configuration of the device."""
    given = {
        "base_url": url, "tools": TOOLS if tools is None else tools, "headers": {"Authorization": TOKEN}, "timeout_s": 2,
        **more,
    }  # fmt: skip
    current = SystemConfig.objects.filter(kind="http_tools", name=name).first()
    return configs.save("http_tools", name, True, given, config=current)[0]


async def serve(device: Device) -> TestServer:
    """The device answers, at ``device.url``."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", device.handle)
    server = TestServer(app)
    await server.start_server()
    device.url = f"http://127.0.0.1:{server.port}"
    return server


class Site(Estate):
    """A company, its robot and its device, for a test that talks."""

    def __init__(self, device: Device, robot: SystemConfig, config: SystemConfig) -> None:
        self.device, self.robot, self.config = device, robot, config
        self.agent = new_agent()


def with_device(
    act: Callable[[Site], Awaitable[None]],
    tools: dict[str, Any] | None = None,
    device: Device | None = None,
    **more: Any,
) -> None:
    """Run with a device; ``more`` of its configuration."""

    async def run() -> None:
        found = device or Device()
        server = await serve(found)
        site = Site(found, await db.call(company), await db.call(save, found.url, tools, **more))
        try:
            await act(site)
        finally:
            await site.agent.close()
            await server.close()

    asyncio.run(run())


__all__ = ["ACTIONS", "TOOLS", "Device", "Site", "configs", "save", "say", "serve", "with_device"]
