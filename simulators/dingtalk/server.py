"""The simulator as one aiohttp server on the loopback interface."""

import asyncio
import contextlib
import dataclasses
from typing import Any, Self

from aiohttp import web

from bifang.core.errors import ConfigError
from simulators.locality import HOST, refuse_strangers

from .applications import Applications
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
from .page import Page
from .robot_api import RobotApi
from .storage import Storage
from .webhook import Webhook
from .world import World, build_world

MAX_BODY = 32 * 1024 * 1024


class Simulator:
    """A local DingTalk: ``async with Simulator(apps={"dingdemo": "demo-secret"}, port=0) as sim``.

    ``port`` 0 takes a free one; ``base_url`` says which. ``options``: the fields of `Options` by name.
    ConfigError if the port is taken.
    """

    def __init__(self, apps: dict[str, str] | None = None, port: int = 0, **options: Any) -> None:
        self.apps = dict(apps or DEMO_APPS)
        self.port = port
        self.options = dataclasses.replace(Options(), **options)
        self.base_url = ""
        self.world: World
        self._runner: web.AppRunner
        self._control: Control
        self._storage: Storage | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen."""
        self.world = build_world(self.apps, self.options)
        self._control = Control(self.world)
        self._storage = Storage(self.world, self.options.state_file) if self.options.state_file else None
        app = self._build_app()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, handle_signals=False)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, self.port, backlog=1024).start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigError(_describe_busy_port(self.port)) from error
        self.port = self._runner.addresses[0][1]
        self.base_url = self.world.base_url = f"http://{HOST}:{self.port}"
        if self._storage is not None:
            self._storage.start()

    async def stop(self) -> None:
        """Close every connection with 1001 and stop listening, within a second."""
        await self._runner.cleanup()
        if self._storage is not None:
            await self._storage.stop()

    def _build_app(self) -> web.Application:
        world = self.world
        app = web.Application(middlewares=[refuse_strangers], client_max_size=MAX_BODY)
        gateway = Gateway(
            world.options, world.robots, world.faults, world.links, world.deliveries, world.stopping
        )
        app.router.add_post("/robot/sendBySession", Webhook(world).send)
        app.router.add_post("/v1.0/gateway/connections/open", gateway.open)
        app.router.add_get("/connect", gateway.connect)
        openapi = OpenApi(world)
        for part in (
            self._control,
            openapi,
            RobotApi(world, openapi),
            CardApi(world, openapi),
            OAuth(world, openapi),
            Files(world, openapi),
            GroupRobots(world),
        ):
            app.router.add_routes(part.routes())
        callbacks = Callbacks(world, openapi)
        world.deliveries.outside = callbacks.takes
        app.router.add_routes(callbacks.routes())
        app.router.add_routes([*Clicks(world).routes(), *Page(world).routes(), *Applications(world).routes()])
        world.links.changed.append(lambda client_id: world.history.publish(client_id, "connection", None))
        world.deliveries.on_progress.append(self._show_progress)
        app.on_shutdown.append(self._shut_down)
        return app

    def _show_progress(self, push: Push) -> None:
        entry = self.world.history.find(push.client_id, push.external_id)
        if entry is None:
            return
        entry.deliveries = push.deliveries
        entry.state = "acked" if push.done else "given_up" if push.given_up else "sent"
        self.world.history.touch(entry)

    async def _shut_down(self, app: web.Application) -> None:
        self.world.stopping.set()
        self._control.actions.stop()
        self.world.deliveries.cancel_all()
        self.world.history.end_watching()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(close_all(self.world.links), 0.5)


def _describe_busy_port(port: int) -> str:
    return (
        f"端口 {port} 已被占用，钉钉模拟器没有启动。请换一个端口：--port {port + 1}，"
        f"或设置环境变量 SIM_PORT={port + 1}（make run 也认它）。"
    )
