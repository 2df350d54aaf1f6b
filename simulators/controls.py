"""``/sim/…`` as every simulator has it: say, happen, break, and what came of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from aiohttp import web

from bifang.core.errors import InvalidInput

from .calls import Telephones
from .exchanges import answer_json, read_json, read_object, telling_errors
from .faults import Change, Faults
from .history import Entry, History


class SimulatedWorld(Protocol):
    """What a simulator holds, as far as the endpoints need it."""

    faults: Faults
    history: History
    telephones: Telephones
    deliveries: Any


W = TypeVar("W", bound=SimulatedWorld)


class Controls(ABC, Generic[W]):
    """The endpoints. ``scope``: the field that names an application."""

    scope: ClassVar[str]

    def __init__(self, world: W) -> None:
        self.world = world

    def routes(self) -> list[web.RouteDef]:
        """All endpoints."""
        return [
            web.post("/sim/messages", telling_errors(self.post_message)),
            web.post("/sim/messages/batch", telling_errors(self.post_batch)),
            web.post("/sim/events", telling_errors(self.post_event)),
            web.post("/sim/faults", telling_errors(self.set_faults)),
            web.get("/sim/faults", self.show_faults),
            web.get("/sim/replies", telling_errors(self.show_replies)),
            web.get("/sim/calls", self.show_calls),
            web.get("/sim/acks", self.show_acks),
            web.get("/sim/state", self.show_state),
            web.post("/sim/reset", self.reset),
        ]

    async def post_message(self, request: web.Request) -> web.StreamResponse:
        """Say one message."""
        return answer_json(self._say(await read_object(request)))

    async def post_batch(self, request: web.Request) -> web.StreamResponse:
        """Say a list of messages at once."""
        rows = await read_json(request)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InvalidInput("请求正文应是 JSON 数组，每项与 /sim/messages 的正文相同")
        return answer_json([self._say(row) for row in rows])

    async def post_event(self, request: web.Request) -> web.StreamResponse:
        """Send an event."""
        return answer_json(self._emit(await read_object(request)))

    async def set_faults(self, request: web.Request) -> web.StreamResponse:
        """Switch faults; the answer shows what is on."""
        change = self._read_change(await read_object(request))
        self.world.faults.apply(change)
        await self._act(change)
        for client_id in self._applications():
            self.world.history.publish(client_id, "connection", None)
        return await self.show_faults(request)

    async def show_faults(self, request: web.Request) -> web.StreamResponse:
        """What is on."""
        return answer_json(self.world.faults.describe())

    async def show_replies(self, request: web.Request) -> web.StreamResponse:
        """What robots said, oldest first; the queries that it knows are the simulator's own."""
        entries = self.world.history.robot_entries(request.query.get(self.scope, ""))
        wanted = self._selects(request.query)
        return answer_json([self._describe_reply(entry) for entry in entries if wanted(entry)])

    async def show_calls(self, request: web.Request) -> web.StreamResponse:
        """Whom robots called, oldest first."""
        return answer_json(self.world.telephones.describe(request.query.get(self.scope, "")))

    async def show_acks(self, request: web.Request) -> web.StreamResponse:
        """Acks received, oldest first; of one application if named."""
        wanted = request.query.get(self.scope, "")
        acks = self.world.deliveries.acks
        return answer_json([ack for ack in acks if not wanted or ack[self.scope] == wanted])

    async def show_state(self, request: web.Request) -> web.StreamResponse:
        """Connections, counters, limits."""
        return answer_json(self._describe_state())

    async def reset(self, request: web.Request) -> web.StreamResponse:
        """Forget messages, cards, faults, acks and counters; connections stay."""
        self._reset()
        return answer_json({"reset": True})

    @abstractmethod
    def _applications(self) -> Iterable[str]:
        """Whose pages are told."""

    @abstractmethod
    def _say(self, body: dict[str, Any]) -> dict[str, Any]:
        """One message."""

    @abstractmethod
    def _emit(self, body: dict[str, Any]) -> dict[str, Any]:
        """One event."""

    @abstractmethod
    def _read_change(self, body: dict[str, Any]) -> Change:
        """What is asked of the faults. InvalidInput."""

    @abstractmethod
    async def _act(self, change: Change) -> None:
        """The deeds of a change that was applied."""

    @abstractmethod
    def _selects(self, query: Mapping[str, str]) -> Callable[[Entry], bool]:
        """Which replies a query asks for. InvalidInput."""

    @abstractmethod
    def _describe_reply(self, entry: Entry) -> dict[str, Any]:
        """One row of ``GET /sim/replies``."""

    @abstractmethod
    def _describe_state(self) -> dict[str, Any]:
        """The answer of ``GET /sim/state``."""

    @abstractmethod
    def _reset(self) -> None:
        """Forget what happened."""
