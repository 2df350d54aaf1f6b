"""``/sim/…`` of DingTalk: what tests, benches and the chat page tell the simulator, and ask it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from aiohttp import web

from bifang.core.errors import InvalidInput
from simulators.controls import Controls
from simulators.exchanges import answer_json, read_object, telling_errors
from simulators.faults import Change
from simulators.history import Entry
from simulators.values import now_ms

from .events import emit
from .fault_actions import FaultActions
from .faults import parse_change
from .messages import say
from .world import World


class Control(Controls[World]):
    """The endpoints that every simulator has, and one to add people."""

    scope: ClassVar[str] = "client_id"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.actions = FaultActions(world)

    def routes(self) -> list[web.RouteDef]:
        """All endpoints."""
        return [*super().routes(), web.post("/sim/people", telling_errors(self.add_person))]

    async def add_person(self, request: web.Request) -> web.StreamResponse:
        """Add or rename a member of staff: ``{staff_id, name}``."""
        body = await read_object(request)
        if not body.get("staff_id"):
            raise InvalidInput("缺少 staff_id")
        person = self.world.people.add(str(body["staff_id"]), str(body.get("name") or ""))
        for client_id in self.world.robots:
            self.world.conversations.ensure_single(client_id, person.key)
        return answer_json({"staff_id": person.staff_id, "name": person.name})

    def _applications(self) -> Iterable[str]:
        return self.world.robots

    def _say(self, body: dict[str, Any]) -> dict[str, Any]:
        return say(self.world, body)

    def _emit(self, body: dict[str, Any]) -> dict[str, Any]:
        """``{client_id, event_type, data, event_id?, corp_id?}``, or one made by `events`."""
        return emit(self.world, body)

    def _read_change(self, body: dict[str, Any]) -> Change:
        return parse_change(body)

    async def _act(self, change: Change) -> None:
        self.actions.perform(change)

    def _selects(self, query: Mapping[str, str]) -> Callable[[Entry], bool]:
        """``?conversation_id=&since=`` (epoch ms, inclusive) ``&after=`` (seq)."""
        since, after = _read_number(query.get("since")), _read_number(query.get("after"))
        room = query.get("conversation_id")
        return lambda entry: entry.at >= since and entry.seq > after and room in (None, entry.conversation_id)

    def _describe_state(self) -> dict[str, Any]:
        world = self.world
        return {
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

    def _reset(self) -> None:
        self.actions.stop()
        self.world.reset()
        self.world.reload_pages()

    def _describe_reply(self, entry: Entry) -> dict[str, Any]:
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


def _read_number(text: str | None) -> float:
    try:
        return float(text) if text else 0.0
    except ValueError as error:
        raise InvalidInput(f"应是数字，收到 {text!r}") from error
