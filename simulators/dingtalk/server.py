"""The simulator as one aiohttp server on the loopback interface."""

import dataclasses
from collections.abc import Awaitable
from typing import Any

from aiohttp import web

from simulators.history import History
from simulators.room.page import Page
from simulators.service import LoopbackServer

from .applications import OWN, Applications
from .callbacks import Callbacks
from .card_api import CardApi
from .clicks import Clicks
from .control import Control
from .deliveries import Push
from .files import Files
from .gateway import Gateway, close_all
from .group_robots import GroupRobots
from .oauth import OAuth
from .openapi import OpenApi
from .options import DEMO_APPS, Options
from .robot_api import RobotApi
from .storage import Storage
from .view import DingTalkRoom
from .webhook import Webhook
from .world import World, build_world


class Simulator(LoopbackServer):
    """A local DingTalk: ``async with Simulator(apps={"dingdemo": "demo-secret"}, port=0) as sim``.

    ``port`` 0 takes a free one; ``base_url`` says which. ``options``: the fields of `Options` by name.
    ConfigError if the port is taken.
    """

    def __init__(self, apps: dict[str, str] | None = None, port: int = 0, **options: Any) -> None:
        super().__init__(port)
        self.apps = dict(apps or DEMO_APPS)
        self.options = dataclasses.replace(Options(), **options)
        self.world: World
        self._control: Control
        self._storage: Storage | None = None

    async def start(self) -> None:
        """Listen, with what was kept."""
        await super().start()
        self.world.base_url = self.base_url
        if self._storage is not None:
            self._storage.start()

    async def stop(self) -> None:
        """Close every connection with 1001 and stop listening, within a second."""
        await super().stop()
        if self._storage is not None:
            await self._storage.stop()

    def _build(self) -> list[web.AbstractRouteDef]:
        world = self.world = build_world(self.apps, self.options)
        self._control = Control(world)
        self._storage = Storage(world, self.options.state_file) if self.options.state_file else None
        openapi = OpenApi(world)
        callbacks = Callbacks(world, openapi)
        world.deliveries.outside = callbacks.takes
        world.links.changed.append(lambda client_id: world.history.publish(client_id, "connection", None))
        world.deliveries.on_progress.append(self._show_progress)
        gateway = Gateway(
            world.options, world.robots, world.faults, world.links, world.deliveries, world.stopping
        )
        parts = (
            self._control,
            openapi,
            RobotApi(world, openapi),
            CardApi(world, openapi),
            OAuth(world, openapi),
            Files(world, openapi),
            GroupRobots(world),
            callbacks,
            Clicks(world),
            Page(DingTalkRoom(world), OWN),
            Applications(world),
        )
        return [
            web.post("/robot/sendBySession", Webhook(world).send),
            web.post("/v1.0/gateway/connections/open", gateway.open),
            web.get("/connect", gateway.connect),
            *(route for part in parts for route in part.routes()),
        ]

    def _show_progress(self, push: Push) -> None:
        entry = self.world.history.find(push.client_id, push.external_id)
        if entry is None:
            return
        entry.deliveries = push.deliveries
        entry.state = "acked" if push.done else "given_up" if push.given_up else "sent"
        self.world.history.touch(entry)

    def _wind_down(self) -> tuple[History, Awaitable[Any]]:
        self.world.stopping.set()
        self._control.actions.stop()
        self.world.deliveries.cancel_all()
        return self.world.history, close_all(self.world.links)

    def _describe_busy_port(self) -> str:
        return (
            f"端口 {self.port} 已被占用，钉钉模拟器没有启动。请换一个端口：--port {self.port + 1}，"
            f"或设置环境变量 SIM_PORT={self.port + 1}（make run 也认它）。"
        )
