"""``/sim/…`` of Feishu: what tests and the chat page tell the simulator, and ask it."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from aiohttp import WSCloseCode, web

from bifang.core.errors import InvalidInput
from simulators.controls import Controls
from simulators.exchanges import answer_json, read_object, telling_errors
from simulators.faults import Change
from simulators.history import Entry
from simulators.values import dump, now_ms

from .deliveries import decode_data
from .events import build_click, build_push, emit, find_app, say
from .faults import parse_change
from .im_api import read_card
from .malformed import build_malformed
from .world import World


class Control(Controls[World]):
    """The endpoints that every simulator has, and the click on a card."""

    scope: ClassVar[str] = "app_id"

    def routes(self) -> list[web.RouteDef]:
        """All endpoints."""
        return [*super().routes(), web.post("/sim/cards/click", telling_errors(self.click))]

    async def click(self, request: web.Request) -> web.StreamResponse:
        """Press a button of a card and show what the person sees: toast and card, or an error after 3 s."""
        world, body = self.world, await read_object(request)
        app = find_app(world, body.get("app_id"))
        entry = world.find_message(app.app_id, str(body.get("message_id") or ""))
        if entry is None or entry.msgtype != "interactive":
            raise InvalidInput("没有这张卡片：message_id 应是机器人发出的 interactive 消息")
        event = build_click(world, app, entry, body)
        push = build_push(
            world, {**body, "app_id": app.app_id, "event_type": "card.action.trigger", "event": event}
        )
        started = time.monotonic()
        push.answer = asyncio.get_running_loop().create_future()
        world.deliveries.submit(push)
        try:
            answer = await asyncio.wait_for(push.answer, world.options.ack_s)
        except TimeoutError:
            world.deliveries.forget(push)
            return answer_json({"ok": False, "event_id": push.event_id, "error": "出错了，请稍后重试"})
        told = {"event_id": push.event_id, "latency_ms": round((time.monotonic() - started) * 1000, 3)}
        return answer_json({"ok": True, **told, **self._show_answer(entry, answer)})

    def _show_answer(self, entry: Entry, answer: dict[str, Any]) -> dict[str, Any]:
        data = decode_data(answer.get("data"))
        data = data if isinstance(data, dict) else {}
        card = data.get("card")
        if isinstance(card, dict) and card.get("type") == "raw" and isinstance(card.get("data"), dict):
            entry.raw = {
                **entry.raw,
                "content": dump(card["data"]),
                "updates": entry.raw.get("updates", 0) + 1,
            }
            self.world.history.touch(entry)
        return {"toast": data.get("toast"), "card": read_card(entry)}

    def _applications(self) -> Iterable[str]:
        return self.world.apps

    def _say(self, body: dict[str, Any]) -> dict[str, Any]:
        return say(self.world, body)

    def _emit(self, body: dict[str, Any]) -> dict[str, Any]:
        return emit(self.world, body)

    def _read_change(self, body: dict[str, Any]) -> Change:
        return parse_change(body)

    async def _act(self, change: Change) -> None:
        links = self.world.links.all(change.scope)
        for message in build_malformed(change.actions["malformed"]) if "malformed" in change.actions else ():
            for link in links:
                link.push(message)
        if "abort" in change.actions:
            for link in links:
                link.abort()
        if "close" in change.actions:
            await asyncio.gather(*(link.close(WSCloseCode.OK) for link in links))
        for link in self.world.links.all():
            link.frozen = bool(self.world.faults.peek("half_open", link.owner))
        self.world.deliveries.reschedule()

    def _selects(self, query: Mapping[str, str]) -> Callable[[Entry], bool]:
        """``?chat_id=&after=`` (seq)."""
        after, chat_id = query.get("after", "0"), query.get("chat_id")
        least = int(after) if after.isdigit() else 0
        return lambda entry: chat_id in (None, entry.conversation_id) and entry.seq > least

    def _describe_state(self) -> dict[str, Any]:
        world = self.world
        return {
            "at": now_ms(),
            "apps": {app_id: world.links.describe(app_id) for app_id in world.apps},
            "bots": {app_id: app.open_id for app_id, app in world.apps.items()},
            "counters": world.deliveries.describe(),
            "calls": dict(world.calls),
            "limits": world.limits.describe(),
            "faults": world.faults.describe(),
            "resources": list(world.resources),
        }

    def _reset(self) -> None:
        self.world.reset()

    def _describe_reply(self, entry: Entry) -> dict[str, Any]:
        return {
            "at": entry.at,
            "seq": entry.seq,
            "message_id": entry.id,
            "app_id": entry.client_id,
            "chat_id": entry.conversation_id,
            "route": entry.route,
            "msg_type": entry.msgtype,
            "text": entry.text,
            "reply_to": entry.reply_to,
            "uuid": entry.raw.get("uuid", ""),
            "content": entry.raw.get("content", ""),
            "updates": entry.raw.get("updates", 0),
            "card_id": entry.card,
            "operations": entry.raw.get("operations", []),
        }
