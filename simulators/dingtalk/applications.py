"""开放平台 on this machine: make an application, read its credentials, add a robot, choose Stream 推送, publish, verify."""

import asyncio
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from aiohttp import web

from bifang.core.errors import InvalidInput
from simulators.exchanges import answer_json, read_object, telling_errors
from simulators.room.page import SECURITY

from .messages import find_robot
from .options import Robot, Subscription, build_robot, mint_robot, mint_secret
from .world import World

LONGEST_NAME = 20
VERSION = re.compile(r"\d{1,4}\.\d{1,4}\.\d{1,4}")
MOST_APPS = 200
OWN = Path(__file__).parent / "static"


@dataclass(slots=True)
class Applications:
    """The endpoints."""

    world: World

    def routes(self) -> list[web.AbstractRouteDef]:
        """All endpoints."""
        return [
            web.get("/apps", self.show),
            web.get("/sim/apps", self.show_all),
            web.post("/sim/apps", telling_errors(self.make)),
            web.post("/sim/apps/{client_id}", telling_errors(self.change)),
            web.post("/sim/apps/{client_id}/secret", telling_errors(self.reset_secret)),
            web.post("/sim/apps/{client_id}/verify", telling_errors(self.verify)),
        ]

    async def show(self, request: web.Request) -> web.StreamResponse:
        """The page itself."""
        return web.FileResponse(OWN / "apps.html", headers=SECURITY)

    async def show_all(self, request: web.Request) -> web.StreamResponse:
        """Every application with its credentials, the newest last."""
        return answer_json([self._describe(robot) for robot in self.world.robots.values()])

    async def make(self, request: web.Request) -> web.StreamResponse:
        """``{name}`` makes one with fresh credentials; ``{client_id, client_secret}`` one that is ready for use."""
        body = await read_object(request)
        robot = _read_ready(body) if "client_id" in body else mint_robot(_read_name(body))
        if len(self.world.robots) >= MOST_APPS and robot.client_id not in self.world.robots:
            raise InvalidInput(f"已有 {MOST_APPS} 个应用，请用 --state 指定新的文件重新开始")
        self.world.put_robot(robot)
        return answer_json(self._describe(robot))

    async def change(self, request: web.Request) -> web.StreamResponse:
        """``{name?, robot?, stream?, version?}``: rename it, add its robot, choose Stream 推送, publish a version."""
        robot, body = self._find(request), await read_object(request)
        changed = replace(
            robot,
            name=_read_name(body) if "name" in body else robot.name,
            has_robot=bool(body.get("robot", robot.has_robot)),
            stream=bool(body.get("stream", robot.stream)),
        )
        if "version" in body:
            changed = replace(changed, version=_read_version(body, changed))
        self.world.put_robot(changed)
        return answer_json(self._describe(changed))

    async def reset_secret(self, request: web.Request) -> web.StreamResponse:
        """「重置」: the old Client Secret opens no connection any more; one that is open stays."""
        robot = self._find(request)
        if not robot.made:
            raise InvalidInput(
                f"「{robot.name}」的凭证写在模拟器的启动参数里，不能重置；请创建一个应用来试。"
            )
        changed = replace(robot, secret=mint_secret())
        self.world.put_robot(changed)
        return answer_json(self._describe(changed))

    async def verify(self, request: web.Request) -> web.StreamResponse:
        """「验证连接通道」: ``{ok, message}``. A ping goes out on a live connection and must come back."""
        robot = self._find(request)
        ok, message = await self._verify(robot)
        return answer_json({"ok": ok, "message": message})

    async def _verify(self, robot: Robot) -> tuple[bool, str]:
        if robot.http:
            return False, "这个应用用的是 HTTP 推送，没有长连接可验证。"
        if not robot.stream:
            return False, "验证失败：还没有选择 Stream 推送。请选择后点「保存」，再验证。"
        links = [link for link in self.world.links.all(robot.client_id) if not link.draining]
        if not links:
            return False, self._describe_absence(robot)
        patience = self.world.options.verify_s
        try:
            latency_ms = await asyncio.wait_for(links[-1].ping().echoed, patience)
        except TimeoutError:
            return False, f"验证失败：连接还在，但 {patience:g} 秒内没有回应。请查看 Stream 推送服务的日志。"
        return True, f"验证成功：连接通道正常，往返 {latency_ms:.1f} 毫秒。"

    def _describe_absence(self, robot: Robot) -> str:
        reason = self.world.links.refused.get(robot.client_id)
        if reason:
            return f"验证失败：最近一次连接被拒绝，{reason}。请在毕方的「系统配置」中核对后保存。"
        return (
            "验证失败：没有收到这个应用的连接。请检查：Stream 推送服务在运行；「系统配置」里的 Client ID、"
            f"Client Secret 与这里一致，「使用流式推送」已开启，接入地址是 {self.world.base_url}。"
        )

    def _find(self, request: web.Request) -> Robot:
        return find_robot(self.world, request.match_info["client_id"])

    def _describe(self, robot: Robot) -> dict[str, Any]:
        links = self.world.links.all(robot.client_id)
        return {
            "client_id": robot.client_id,
            "client_secret": robot.secret,
            "app_id": robot.app_id,
            "name": robot.name,
            "made": robot.made,
            "robot": robot.has_robot,
            "stream": robot.stream,
            "http": robot.http,
            "callbacks": asdict(self.world.subscriptions.get(robot.client_id, Subscription())),
            "version": robot.version,
            "endpoint": self.world.base_url,
            "live": sum(not link.draining for link in links),
        }


def _read_name(body: dict[str, Any]) -> str:
    name = " ".join(str(body.get("name") or "").split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise InvalidInput(f"应用名称应有 1 到 {LONGEST_NAME} 个字")
    return name


def _read_version(body: dict[str, Any], robot: Robot) -> str:
    version = str(body["version"] or "").strip()
    if not VERSION.fullmatch(version):
        raise InvalidInput("版本号应是三段数字，例如 1.0.0")
    if not robot.has_robot:
        raise InvalidInput("还没有添加机器人：请先在「应用能力 › 机器人」添加，再发布版本")
    return version


def _read_ready(body: dict[str, Any]) -> Robot:
    client_id, secret = str(body.get("client_id") or ""), str(body.get("client_secret") or "")
    if not client_id or not secret:
        raise InvalidInput("缺少 client_id 或 client_secret")
    return replace(build_robot(client_id, secret), made=True)
