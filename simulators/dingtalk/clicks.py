"""Clicks on a card's buttons: the callback, and the update that its answer carries.

A card without ``callbackType: STREAM`` never calls back. DingTalk waits about two seconds for the answer.
"""

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bifang.core.errors import InvalidInput
from simulators.exchanges import answer_json, read_object, telling_errors
from simulators.values import dump

from .card_api import apply_update, refresh_bubbles
from .cards import Card, parse_buttons
from .deliveries import Push
from .frames import CARD_TOPIC
from .messages import find_robot
from .openapi import Refusal
from .people import CORP_ID
from .world import World

LATE_AFTER_MS = 2_000


@dataclass(slots=True)
class Clicks:
    """The endpoint."""

    world: World

    def routes(self) -> list[web.RouteDef]:
        """All endpoints."""
        return [web.post("/sim/cards/click", telling_errors(self.click))]

    async def click(self, request: web.Request) -> web.StreamResponse:
        """Press a button: ``{client_id, out_track_id, staff_id, action_id, params}`` → ``{ack, latency_ms}``."""
        body = await read_object(request)
        robot = find_robot(self.world, body.get("client_id"))
        card = self.world.cards.find(robot.client_id, str(body.get("out_track_id") or ""))
        if card is None:
            raise InvalidInput(f"没有 out_track_id 为 {body.get('out_track_id')!r} 的卡片")
        if card.callback_type not in ("STREAM", "HTTP"):
            raise InvalidInput("这张卡片创建时没有 callbackType: STREAM 或 HTTP，钉钉不会回调")
        user_id = str(body.get("staff_id") or "manager01")
        push = _build_click(card, user_id, body)
        self.world.metered["messages"] += 1
        push.answer = asyncio.get_running_loop().create_future()
        started = time.perf_counter()
        if not self.world.deliveries.submit(push):
            self.world.deliveries.abandon(push)
            return answer_json({"error": "机器人未连接，点击没有送达"}, status=409)
        return answer_json(await self._await_answer(card, push, user_id, started))

    async def _await_answer(self, card: Card, push: Push, user_id: str, started: float) -> dict[str, Any]:
        assert push.answer is not None
        try:
            ack = await asyncio.wait_for(push.answer, self.world.options.card_ack_s)
        except TimeoutError:
            self.world.deliveries.abandon(push)
            return {"ack": None, "latency_ms": None, "late": True, "timed_out": True}
        latency = round((time.perf_counter() - started) * 1000, 3)
        response = _read_response(ack)
        self._apply_answer(card, user_id, response)
        shown = {"code": ack.get("code"), "data": response}
        return {"ack": shown, "latency_ms": latency, "late": latency > LATE_AFTER_MS, "timed_out": False}

    def _apply_answer(self, card: Card, user_id: str, response: dict[str, Any]) -> None:
        """Old samples call the clicker's own variables privateData, newer ones userPrivateData."""
        private = response.get("userPrivateData") or response.get("privateData")
        update = {**response, "privateData": {user_id: private} if isinstance(private, dict) else {}}
        try:
            apply_update(card, update)
        except Refusal:
            card.failed = True
        refresh_bubbles(self.world, card)


def _build_click(card: Card, user_id: str, body: dict[str, Any]) -> Push:
    action_id = str(body.get("action_id") or "")
    buttons = parse_buttons(card.seen_by(user_id).get("buttons", ""))
    own = next((button["params"] for button in buttons if button["id"] == action_id), None)
    params = {**(own or {}), **(body.get("params") or {})}
    space = card.spaces[0] if card.spaces else ""
    data = {
        "type": "actionCallback",
        "outTrackId": card.out_track_id,
        "corpId": str(body.get("corp_id") or CORP_ID),
        "userId": user_id,
        "userIdType": 1,
        "spaceType": "im",
        "spaceId": space.removeprefix("dtv1.card//").partition(".")[2],
        "extension": "{}",
        "content": dump({"cardPrivateData": {"actionIds": [action_id], "params": params}}),
    }
    extra = {"route": card.callback_route} if card.callback_type == "HTTP" else {}
    return Push(card.client_id, "CALLBACK", CARD_TOPIC, dump(data), card.out_track_id, extra)


def _read_response(ack: dict[str, Any]) -> dict[str, Any]:
    """The ``response`` of a callback's ack; empty if there is none."""
    data = ack.get("data")
    try:
        parsed = json.loads(data) if isinstance(data, str) else data
    except ValueError:
        return {}
    response = parsed.get("response") if isinstance(parsed, dict) else None
    return response if isinstance(response, dict) else {}
