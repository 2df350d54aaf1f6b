"""``/sim/…``: what tests, benches and the chat page tell the simulator, and ask it."""

from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bifang.core.errors import InvalidInput
from simulators.exchanges import answer_json, read_json, read_object, telling_errors
from simulators.history import Entry
from simulators.values import now_ms

from .events import emit
from .fault_actions import FaultActions
from .faults import parse_change
from .messages import say
from .world import World


@dataclass(slots=True)
class Control:
    """The endpoints."""

    world: World
    actions: FaultActions = field(init=False)

    def __post_init__(self) -> None:
        self.actions = FaultActions(self.world)

    def routes(self) -> list[web.RouteDef]:
        """All endpoints."""
        return [
            web.post("/sim/messages", telling_errors(self.say)),
            web.post("/sim/messages/batch", telling_errors(self.say_batch)),
            web.post("/sim/events", telling_errors(self.emit)),
            web.post("/sim/faults", telling_errors(self.set_faults)),
            web.get("/sim/faults", self.show_faults),
            web.get("/sim/replies", telling_errors(self.show_replies)),
            web.get("/sim/acks", self.show_acks),
            web.get("/sim/state", self.show_state),
            web.post("/sim/people", telling_errors(self.add_person)),
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
        """Send an EVENT: ``{client_id, event_type, data, event_id?, corp_id?}``, or one made by `events`."""
        return answer_json(emit(self.world, await read_object(request)))

    async def set_faults(self, request: web.Request) -> web.StreamResponse:
        """Switch faults; the answer shows what is on."""
        change = parse_change(await read_object(request))
        self.world.faults.apply(change)
        self.actions.perform(change)
        for client_id in self.world.robots:
            self.world.history.publish(client_id, "connection", None)
        return await self.show_faults(request)

    async def show_faults(self, request: web.Request) -> web.StreamResponse:
        """What is on."""
        return answer_json(self.world.faults.describe())

    async def show_replies(self, request: web.Request) -> web.StreamResponse:
        """What robots said: ``?client_id=&conversation_id=&since=`` (epoch ms, inclusive) ``&after=`` (seq)."""
        query = request.query
        since, after = _read_number(query.get("since")), _read_number(query.get("after"))
        rows = [
            _describe_reply(entry)
            for entry in self.world.history.robot_entries(query.get("client_id", ""))
            if entry.at >= since
            and entry.seq > after
            and query.get("conversation_id", entry.conversation_id) == entry.conversation_id
        ]
        return answer_json(rows)

    async def show_acks(self, request: web.Request) -> web.StreamResponse:
        """Acks received, oldest first: ``?client_id=``."""
        wanted = request.query.get("client_id", "")
        acks = self.world.deliveries.acks
        return answer_json([ack for ack in acks if not wanted or ack["client_id"] == wanted])

    async def show_state(self, request: web.Request) -> web.StreamResponse:
        """Connections, counters and limits."""
        world = self.world
        return answer_json(
            {
                "at": now_ms(),
                "clients": {client_id: world.links.describe(client_id) for client_id in world.robots},
                "counters": {**world.deliveries.describe(), **world.calls},
                "metered": dict(world.metered),
                "ack_ms": world.deliveries.describe_latency(),
                "limits": world.limits.describe(),
                "robots": {one.name: {"max": one.peak} for one in world.group_robots.values()},
                "faults": world.faults.describe(),
                "noise": list(world.deliveries.noise),
            }
        )

    async def add_person(self, request: web.Request) -> web.StreamResponse:
        """Add or rename a member of staff: ``{staff_id, name}``."""
        body = await read_object(request)
        if not body.get("staff_id"):
            raise InvalidInput("缺少 staff_id")
        person = self.world.people.add(str(body["staff_id"]), str(body.get("name") or ""))
        for client_id in self.world.robots:
            self.world.conversations.ensure_single(client_id, person.key)
        return answer_json({"staff_id": person.staff_id, "name": person.name})

    async def reset(self, request: web.Request) -> web.StreamResponse:
        """Forget messages, cards, faults, acks and counters; connections stay."""
        self.actions.stop()
        self.world.reset()
        self.world.reload_pages()
        return answer_json({"reset": True})


def _read_number(text: str | None) -> float:
    try:
        return float(text) if text else 0.0
    except ValueError as error:
        raise InvalidInput(f"应是数字，收到 {text!r}") from error


def _describe_reply(entry: Entry) -> dict[str, Any]:
    """One row of ``GET /sim/replies``."""
    return {
        "at": entry.at,
        "seq": entry.seq,
        "id": entry.id,
        "client_id": entry.client_id,
        "conversation_id": entry.conversation_id,
        "route": entry.route,
        "msgtype": entry.msgtype,
        "text": entry.text,
        "at_user_ids": entry.at_user_ids,
        "msg_id": entry.reply_to,
        "out_track_id": entry.card,
        "process_query_key": entry.receipt,
        "raw": entry.raw,
    }
