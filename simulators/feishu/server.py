"""The Feishu simulator as one aiohttp server on the loopback interface."""

import asyncio
import dataclasses
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, Final

from aiohttp import WSCloseCode, web

from simulators.history import History
from simulators.room.page import Page
from simulators.service import LoopbackServer

from .cardkit import CardKit
from .control import Control
from .gateway import Gateway
from .im_api import ImApi
from .openapi import OpenApi
from .options import DEMO_APPS, Options
from .resources import Resources
from .view import FeishuRoom
from .world import World, build_world

OWN: Final = Path(__file__).parent / "static"


class Simulator(LoopbackServer):
    """A local Feishu: ``async with Simulator(apps={"cli_demo": "demo-secret"}, port=0) as sim``.

    ``port`` 0 takes a free one; ``base_url`` says which. ``options``: the fields of `Options` by name.
    ConfigError if the port is taken.
    """

    def __init__(self, apps: dict[str, str] | None = None, port: int = 0, **options: Any) -> None:
        super().__init__(port)
        self.apps = dict(apps or DEMO_APPS)
        self.options = dataclasses.replace(Options(), **options)
        self.world: World

    async def start(self) -> None:
        """Listen."""
        await super().start()
        self.world.base_url = self.base_url

    def _build(self) -> list[web.AbstractRouteDef]:
        world = self.world = build_world(self.apps, self.options)
        openapi = OpenApi(world)
        cardkit = CardKit(world, openapi)
        parts = (
            Control(world),
            Gateway(world),
            openapi,
            cardkit,
            ImApi(world, openapi, cardkit),
            Resources(world, openapi),
            Page(FeishuRoom(world), OWN),
        )
        world.links.changed.append(lambda app_id: world.history.publish(app_id, "connection", None))
        return [route for part in parts for route in part.routes()]

    def _wind_down(self) -> tuple[History, Awaitable[Any]]:
        world = self.world
        world.stopping.set()
        world.deliveries.reset()
        closing = (link.close(WSCloseCode.GOING_AWAY) for link in world.links.all())
        return world.history, asyncio.gather(*closing)

    def _describe_busy_port(self) -> str:
        return f"端口 {self.port} 已被占用，飞书模拟器没有启动。请用 --port 换一个端口。"
