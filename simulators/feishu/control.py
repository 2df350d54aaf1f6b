"""``/sim/…``: what tests and the chat page tell the simulator, and ask it."""

import asyncio
from dataclasses import dataclass
from typing import Any

from aiohttp import WSCloseCode, web

from bifang.core.errors import InvalidInput
from simulators.exchanges import answer_json, read_json, read_object, telling_errors
from simulators.faults import Change
from simulators.history import Entry
from simulators.values import dump, now_ms

from .deliveries import decode_data
from .events import build_click, build_push, emit, find_app, say
from .faults import parse_change
from .im_api import read_card
from .malformed import build_malformed
from .world import World


@dataclass(slots=True)
class Control:
    """The endpoints."""

    world: World

    def routes(self) -> list[web.RouteDef]:
        """All endpoints."""
        return [
            web.post("/sim/messages", telling_errors(self.say)),
            web.post("/sim/messages/batch", telling_errors(self.say_batch)),
            web.post("/sim/events", telling_errors(self.emit)),
            web.post("/sim/cards/click", telling_errors(self.click)),
            web.post("/sim/faults", telling_errors(self.set_faults)),
            web.get("/sim/faults", self.show_faults),
            web.get("/sim/replies", self.show_replies),
            web.get("/sim/acks", self.show_acks),
            web.get("/sim/state", self.show_state),
            web.post("/sim/reset", self.reset),
        ]

    async def say(self, request: web.Request) -> web.StreamResponse:
        """Say one message."""
        return answer_json(say(self.world, await read_object(request)))

    async def say_batch(self, request: web.Request) -> web.StreamResponse:
        """Say a list of messages at once."""
        rows = await read_json(request)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InvalidInput("请求正文应是 JSON 数组，每项与 /sim/messages 的正文相同")
        return answer_json([say(self.world, row) for row in rows])

    async def emit(self, request: web.Request) -> web.StreamResponse:
        """Send an event."""
        return answer_json(emit(self.world, await read_object(request)))

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
        push.answer = asyncio.get_running_loop().create_future()
        world.deliveries.submit(push)
        try:
            answer = await asyncio.wait_for(push.answer, world.options.ack_s)
        except TimeoutError:
            world.deliveries.forget(push)
            return answer_json({"ok": False, "event_id": push.event_id, "error": "出错了，请稍后重试"})
        return answer_json({"ok": True, "event_id": push.event_id, **self._show_answer(entry, answer)})

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

    async def set_faults(self, request: web.Request) -> web.StreamResponse:
        """Switch faults; the answer shows what is on."""
        change = parse_change(await read_object(request))
        self.world.faults.apply(change)
        await self._act(change)
        return await self.show_faults(request)

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

    async def show_faults(self, request: web.Request) -> web.StreamResponse:
        """What is on."""
        return answer_json(self.world.faults.describe())

    async def show_replies(self, request: web.Request) -> web.StreamResponse:
        """What bots said: ``?app_id=&chat_id=&after=`` (seq)."""
        query = request.query
        after = query.get("after", "0")
        rows = [
            describe_reply(entry)
            for entry in self.world.history.robot_entries(query.get("app_id", ""))
            if query.get("chat_id", entry.conversation_id) == entry.conversation_id
            and entry.seq > (int(after) if after.isdigit() else 0)
        ]
        return answer_json(rows)

    async def show_acks(self, request: web.Request) -> web.StreamResponse:
        """Acks received, oldest first; ``fault`` is empty for one that counts: ``?app_id=``."""
        wanted = request.query.get("app_id", "")
        acks = self.world.deliveries.acks
        return answer_json([ack for ack in acks if not wanted or ack["app_id"] == wanted])

    async def show_state(self, request: web.Request) -> web.StreamResponse:
        """Connections, counters, limits."""
        world = self.world
        return answer_json(
            {
                "at": now_ms(),
                "apps": {app_id: world.links.describe(app_id) for app_id in world.apps},
                "bots": {app_id: app.open_id for app_id, app in world.apps.items()},
                "counters": world.deliveries.describe(),
                "calls": dict(world.calls),
                "limits": world.limits.describe(),
                "faults": world.faults.describe(),
                "resources": list(world.resources),
            }
        )

    async def reset(self, request: web.Request) -> web.StreamResponse:
        """Forget messages, cards, faults, acks and counters; connections stay."""
        self.world.reset()
        return answer_json({"reset": True})


def describe_reply(entry: Entry) -> dict[str, Any]:
    """One row of ``GET /sim/replies``."""
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
