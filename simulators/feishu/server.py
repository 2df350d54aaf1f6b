"""The Feishu simulator as one aiohttp server on the loopback interface."""

import asyncio
import contextlib
import dataclasses
from typing import Any, Self

from aiohttp import WSCloseCode, web

from bifang.core.errors import ConfigError
from simulators.locality import HOST, refuse_strangers

from .cardkit import CardKit
from .control import Control
from .gateway import Gateway
from .im_api import ImApi
from .openapi import OpenApi
from .options import DEMO_APPS, Options
from .resources import Resources
from .world import World, build_world

MAX_BODY = 32 * 1024 * 1024


class Simulator:
    """A local Feishu: ``async with Simulator(apps={"cli_demo": "demo-secret"}, port=0) as sim``.

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

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen."""
        self.world = build_world(self.apps, self.options)
        app = self._build_app()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, handle_signals=False)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, self.port, backlog=1024).start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigError(
                f"端口 {self.port} 已被占用，飞书模拟器没有启动。请用 --port 换一个端口。"
            ) from error
        self.port = self._runner.addresses[0][1]
        self.base_url = self.world.base_url = f"http://{HOST}:{self.port}"

    async def stop(self) -> None:
        """Close every connection with 1001 and stop listening, within a second."""
        await self._runner.cleanup()

    def _build_app(self) -> web.Application:
        world = self.world
        app = web.Application(middlewares=[refuse_strangers], client_max_size=MAX_BODY)
        openapi = OpenApi(world)
        cardkit = CardKit(world, openapi)
        im_api, files = ImApi(world, openapi, cardkit), Resources(world, openapi)
        for part in (Control(world), Gateway(world), openapi, cardkit, im_api, files):
            app.router.add_routes(part.routes())
        app.on_shutdown.append(self._shut_down)
        return app

    async def _shut_down(self, app: web.Application) -> None:
        world = self.world
        world.stopping.set()
        world.deliveries.reset()
        closing = (link.close(WSCloseCode.GOING_AWAY) for link in world.links.all())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*closing), 0.5)
