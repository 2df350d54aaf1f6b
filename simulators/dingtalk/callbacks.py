"""HTTP mode: DingTalk calls the application (facts: dingtalk_webhook). Signed, encrypted and repeated as the real one.

``POST /sim/callbacks`` ``{client_id, robot?, events?, token?, aes_key?}`` is what one fills in on 开放平台: the address of
events is tried with ``check_url`` first and refused if the answer is not the encrypted ``success``; ``{client_id, off:
true}`` goes back to Stream, ``unverified: true`` takes an address that nobody serves. ``GET /sim/callbacks?client_id=`` shows every call: ``{door, external_id, status, ok}``.
"""

import asyncio
import json
from collections import defaultdict, deque
from dataclasses import dataclass, field, replace
from typing import Any, Final

import aiohttp
from aiohttp import web

from bifang.core.errors import InvalidInput
from simulators.exchanges import answer_json, read_object, telling_errors
from simulators.values import dump, mint, now_ms

from . import sealing
from .deliveries import Push
from .frames import CARD_TOPIC
from .messages import find_robot
from .openapi import Call, OpenApi, Refusal
from .options import Subscription
from .world import World

LATE_MS: Final = 3_700_000  # what the fault callback_late sets the clock back by
FAILED_AT_ONCE: Final = 200


@dataclass(slots=True, eq=False)
class Callbacks:
    """The endpoints, and the calls that are under way."""

    world: World
    openapi: OpenApi
    cards: dict[tuple[str, str], tuple[str, str]] = field(
        default_factory=dict
    )  # route key → address, apiSecret
    failed: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    calls: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=5_000))
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    stamped: int = 0  # the last click

    def routes(self) -> list[web.RouteDef]:
        """All endpoints."""
        return [
            web.post("/sim/callbacks", telling_errors(self.subscribe)),
            web.get("/sim/callbacks", self.show),
            web.post("/v1.0/card/callbacks/register", self.openapi.guard(self.register)),
            web.get("/call_back/get_call_back_failed_result", self.show_failed),
        ]

    async def subscribe(self, request: web.Request) -> web.StreamResponse:
        """Fill in, or go back to Stream."""
        body = await read_object(request)
        robot = find_robot(self.world, body.get("client_id"))
        if body.get("off"):
            self.world.subscriptions.pop(robot.client_id, None)
            self.world.put_robot(replace(robot, http=False))
            return answer_json({"ok": True})
        fields = {name: str(body.get(name) or "") for name in ("robot", "events", "token", "aes_key")}
        wanted = Subscription(**fields)
        if wanted.events and not body.get("unverified"):
            await self._verify(robot.client_id, wanted)
        self.world.subscriptions[robot.client_id] = wanted
        self.world.put_robot(replace(robot, http=True))
        return answer_json({"ok": True})

    async def _verify(self, client_id: str, wanted: Subscription) -> None:
        check = Push(client_id, "EVENT", "*", dump({}), mint("check-"), {"eventType": "check_url"})
        if not await self._call(check, wanted):
            status = self.calls[-1]["status"] or "没有回答"
            raise InvalidInput(f"请求网址验证失败：没有在 2.5 秒内得到加密的 success（{status}）")

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Every call, oldest first."""
        wanted = request.query.get("client_id", "")
        return answer_json([call for call in self.calls if not wanted or call["client_id"] == wanted])

    def register(self, call: Call) -> dict[str, Any]:
        """Where clicks go; a key that is known keeps its address unless ``forceUpdate``."""
        key, url, secret = (str(one) for one in call.need("callbackRouteKey", "callbackUrl", "apiSecret"))
        if not url.startswith(("https://", "http://")):
            raise Refusal(400, "invalidParameter.callbackUrl.invalid", "callbackUrl 不是 URL")
        known = self.cards.get((call.robot.client_id, key))
        if known is None or call.body.get("forceUpdate"):
            self.cards[call.robot.client_id, key] = known = (url, secret)
        return {"success": True, "result": {"callbackUrl": known[0], "apiSecret": known[1]}}

    async def show_failed(self, request: web.Request) -> web.StreamResponse:
        """Events that nobody took; reading them takes them off the list."""
        client_id = self.openapi.tokens.owner(request.query.get("access_token", ""))
        if not client_id:
            return web.json_response({"errcode": 40014, "errmsg": "不合法的access_token"})
        waiting = self.failed[client_id]
        given, self.failed[client_id] = waiting[:FAILED_AT_ONCE], waiting[FAILED_AT_ONCE:]
        more = bool(self.failed[client_id])
        return answer_json({"errcode": 0, "errmsg": "ok", "has_more": more, "failed_list": given})

    # Delivery

    def takes(self, push: Push) -> bool:
        """Is this delivered by HTTP? Then it is under way."""
        wanted = self.world.subscriptions.get(push.client_id, Subscription())
        if not self._address(push, wanted):
            return False
        task = asyncio.get_running_loop().create_task(self._deliver(push, wanted))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return True

    def _address(self, push: Push, wanted: Subscription) -> str:
        if push.topic == CARD_TOPIC:
            return self.cards.get((push.client_id, push.extra.get("route", "")), ("", ""))[0]
        return wanted.events if push.kind == "EVENT" else wanted.robot

    async def _deliver(self, push: Push, wanted: Subscription) -> None:
        deliveries = self.world.deliveries
        pauses = self.world.options.callback_retries_s if push.repeats else ()
        for pause in (0.0, *pauses):
            await asyncio.sleep(pause)
            copies = int(self.world.faults.take("duplicate", push.client_id) or 1)
            done = [await self._call(push, wanted) for _ in range(max(copies, 1))]
            if any(done):
                deliveries.finish_outside(push)
                return
        deliveries.give_up(push)
        if push.kind == "EVENT":
            self.failed[push.client_id].append(_failed(push))

    async def _call(self, push: Push, wanted: Subscription) -> bool:
        """One call; was the answer the right one?"""
        push.deliveries += 1
        door = "cards" if push.topic == CARD_TOPIC else "events" if push.kind == "EVENT" else "robot"
        url, headers, body = self._request(door, push, wanted)
        status, answer = await _post(url, headers, body, self.world.options.callback_within_s[door])
        ok = status == 200 and self._is_right(door, push, wanted, answer)
        entry = {"at": now_ms(), "client_id": push.client_id, "door": door, "external_id": push.external_id}
        self.calls.append({**entry, "status": status, "ok": ok, "times_delivered": push.deliveries})
        return ok

    def _request(self, door: str, push: Push, wanted: Subscription) -> tuple[str, dict[str, str], bytes]:
        faults = self.world.faults
        late = bool(faults.take("callback_late", push.client_id))
        wrong = "x" if faults.take("callback_unsigned", push.client_id) else ""
        stamp = str(now_ms() - (LATE_MS if late else 0))
        if door == "robot":
            sign = sealing.robot_sign(self.world.robots[push.client_id].secret + wrong, stamp)
            return wanted.robot, {"timestamp": stamp, "sign": sign}, push.data.encode()
        if door == "cards":
            url, secret = self.cards[push.client_id, push.extra["route"]]
            # A signature covers the moment alone: the robot takes a second click of one moment for a forged one.
            self.stamped = max(self.stamped + 1, int(stamp))
            stamp = str(self.stamped)
            sign = sealing.card_sign(secret + wrong, stamp)
            headers = {"x-ddpaas-signature-timestamp": stamp, "x-ddpaas-signature": sign}
            return url, headers, push.data.encode()
        owner = "another" if faults.take("callback_owner", push.client_id) else push.client_id
        sealed = sealing.seal(wanted.aes_key, sealing.event_text(push), owner)
        if faults.take("callback_truncated", push.client_id):
            sealed = sealed[:-5]
        nonce = mint("")[:8]
        sign = sealing.event_sign(wanted.token + wrong, stamp, nonce, sealed)
        query = f"?signature={sign}&msg_signature={sign}&timestamp={stamp}&nonce={nonce}"
        return wanted.events + query, {}, dump({"encrypt": sealed}).encode()

    def _is_right(self, door: str, push: Push, wanted: Subscription, answer: bytes) -> bool:
        try:
            given = json.loads(answer)
        except ValueError:
            return False
        if door == "events":
            return sealing.is_success(wanted.token, wanted.aes_key, push.client_id, given)
        if door == "cards" and push.answer is not None and not push.answer.done():
            push.answer.set_result({"code": 200, "data": {"response": given}})
        return isinstance(given, dict)


async def _post(url: str, headers: dict[str, str], body: bytes, within: float) -> tuple[int, bytes]:
    """Status and body; 0 for no answer in time. DingTalk follows no redirects."""
    sent = {"Content-Type": "application/json; charset=utf-8", **headers}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=within)) as session,
            session.post(url, data=body, headers=sent, allow_redirects=False) as answer,
        ):
            return answer.status, await answer.read()
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return 0, b""


def _failed(push: Push) -> dict[str, Any]:
    event = json.loads(sealing.event_text(push))
    kind = push.extra.get("eventType", "")
    return {"call_back_tag": kind, "event_time": now_ms(), kind: event}
