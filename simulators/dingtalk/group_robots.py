"""``POST /robot/send?access_token=``: custom robots of groups, which only send.

As documented: 加签 (valid for an hour), up to 10 keywords, 20 messages a minute and then ten minutes of nothing, and
``msgUuid``, under which a message is shown once. ``POST /sim/robots`` adds one or changes it.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bifang.core.errors import InvalidInput
from simulators.exchanges import answer_json, read_object, telling_errors
from simulators.history import Entry
from simulators.values import mint, now_ms
from simulators.windows import Window

from .webhook import MAX_BYTES, answer_errcode, extract_text
from .world import GroupRobot, World

HOUR_MS = 3_600_000
PER_MINUTE = 20


class Refused(Exception):
    """With this errcode and errmsg."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


@dataclass(slots=True)
class GroupRobots:
    """The endpoints."""

    world: World
    windows: dict[str, Window] = field(default_factory=dict)

    def routes(self) -> list[web.RouteDef]:
        """All endpoints."""
        return [web.post("/robot/send", self.send), web.post("/sim/robots", telling_errors(self.put))]

    async def put(self, request: web.Request) -> web.StreamResponse:
        """``{token, name?, secret?, keywords?, client_id?, conversation_id?, removed?}`` → what is known of it."""
        body = await read_object(request)
        if not body.get("token"):
            raise InvalidInput("缺少 token")
        known = self.world.group_robots.get(str(body["token"])) or GroupRobot(str(body["token"]))
        if body.get("removed"):
            self.world.group_robots.pop(known.token, None)
            return answer_json({"token": known.token, "removed": True})
        for name in ("name", "secret", "client_id", "conversation_id"):
            setattr(known, name, str(body.get(name, getattr(known, name))))
        known.keywords = [str(each) for each in body.get("keywords", known.keywords)]
        self.world.group_robots[known.token] = known
        return answer_json({"token": known.token, "name": known.name, "blocked": self._blocked(known)})

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Take one message."""
        raw = await request.read()
        robot = self.world.group_robots.get(request.query.get("access_token", ""))
        broken = await self._break(request, robot.token if robot else "")
        if broken is not None:
            return broken
        try:
            if robot is None:
                raise Refused(300005, "token is not exist")
            self._accept(robot, request, raw)
        except Refused as error:
            return web.json_response({"errcode": error.code, "errmsg": error.text})
        if self.world.faults.take("robot_lost", robot.token) and request.transport:
            request.transport.abort()
        return answer_json({"errcode": 0, "errmsg": "ok"})

    def _accept(self, robot: GroupRobot, request: web.Request, raw: bytes) -> None:
        self._admit(robot)
        try:
            body = json.loads(raw)
            text = extract_text(body)
        except (ValueError, TypeError, AttributeError, KeyError):
            raise Refused(40035, "缺少参数 json") from None
        if text is None or len(raw) > MAX_BYTES:
            raise Refused(400105 if text is None else 460101, "unsupported msgtype or size")
        _check_security(robot, request, body, text)
        uuid = str(body.get("msgUuid") or mint(""))
        if uuid in robot.seen:
            return
        robot.seen.add(uuid)
        self._record(robot, body, text)

    def _admit(self, robot: GroupRobot) -> None:
        window = self.windows.setdefault(robot.token, Window(60.0, PER_MINUTE))
        admitted = window.admit(enforce=self.world.limits.enforce)
        robot.peak = max(robot.peak, window.peak)
        if self.world.limits.enforce and (self._blocked(robot) or not admitted):
            if not self._blocked(robot):
                robot.blocked_until = time.monotonic() + self.world.options.robot_block_s
            raise Refused(410100, "send too fast, exceed 20 times per minute")

    def _blocked(self, robot: GroupRobot) -> bool:
        return robot.blocked_until > time.monotonic()

    def _record(self, robot: GroupRobot, body: dict[str, Any], text: str) -> None:
        at = body.get("at")
        ids = at.get("atUserIds") if isinstance(at, dict) else None
        self.world.calls["robot/send"] += 1
        self.world.metered["messages"] += 1
        self.world.history.add(
            Entry(
                id=mint("out"), client_id=robot.client_id, conversation_id=robot.conversation_id, sender=robot.token,
                msgtype=body["msgtype"], text=text, route="robot", at=now_ms(),
                at_user_ids=[str(each) for each in ids if each] if isinstance(ids, list) else [], raw=body,
            )
        )  # fmt: skip

    async def _break(self, request: web.Request, token: str) -> web.Response | None:
        faults = self.world.faults
        if not faults.active:
            return None
        if faults.take("robot_hang", token):
            await self.world.stopping.wait()
        if delay := faults.take("robot_delay_s", token):
            await asyncio.sleep(float(delay))
        if status := faults.take("robot_status", token):
            return web.Response(status=int(status), text="故障注入")
        if text := faults.take("robot_refuse", token):
            return web.json_response({"errcode": 310000, "errmsg": str(text)})
        code = faults.take("robot_errcode", token)
        return answer_errcode(int(code)) if code else None


def _check_security(robot: GroupRobot, request: web.Request, body: dict[str, Any], text: str) -> None:
    if robot.secret:
        timestamp = request.query.get("timestamp", "")
        if not timestamp.isdigit() or abs(now_ms() - int(timestamp)) > HOUR_MS:
            raise Refused(310000, "invalid timestamp")
        key = robot.secret.encode()
        digest = hmac.new(key, f"{timestamp}\n{robot.secret}".encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(base64.b64encode(digest).decode(), request.query.get("sign", "")):
            raise Refused(310000, "sign not match")
    title = str((body.get("markdown") or {}).get("title", ""))
    if robot.keywords and not any(word in text or word in title for word in robot.keywords):
        raise Refused(310000, "keywords not in content")
