"""A simulated DingTalk for tests: in a thread with its own event loop, spoken to over plain HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from simulators.dingtalk import Simulator
from tests.deadline import wait_until
from tests.server_thread import ServerHandle, in_thread

DEMO = {"dingdemo": "demo-secret"}


class SimulatorHandle(ServerHandle):
    """What a test may do with a running simulator; every call is one HTTP request."""

    def message(self, text: str = "你好", **fields: Any) -> dict[str, Any]:
        """Say something; fields as of POST /sim/messages. Returns {msg_id, delivered, conversation_id}."""
        return self.post("/sim/messages", {"text": text, **fields})

    def messages(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Say many things at once."""
        return self.post("/sim/messages/batch", rows)

    def event(self, event_type: str, data: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        """Send an EVENT; returns {event_id, delivered}."""
        return self.post("/sim/events", {"event_type": event_type, "data": data or {}, **fields})

    def click(
        self, out_track_id: str, action_id: str, staff_id: str = "wangwu", **fields: Any
    ) -> dict[str, Any]:
        """Press a card's button; returns {ack, latency_ms, …} when the robot has answered."""
        body = {"out_track_id": out_track_id, "action_id": action_id, "staff_id": staff_id, **fields}
        return self.post("/sim/cards/click", body)

    def faults(self, client_id: str | None = None, **faults: Any) -> dict[str, Any]:
        """Switch faults on; `faults(clear=True)` clears. Returns what is on."""
        scope = {"client_id": client_id} if client_id else {}
        return self.post("/sim/faults", {**scope, **faults})

    def replies(self, **query: Any) -> list[dict[str, Any]]:
        """What robots said; filters: client_id, conversation_id, since, after."""
        return self.get("/sim/replies", **query)

    def acks(self, **query: Any) -> list[dict[str, Any]]:
        """Acks received."""
        return self.get("/sim/acks", **query)

    def cards(self, **query: Any) -> list[dict[str, Any]]:
        """Cards and what they show."""
        return self.get("/sim/cards", **query)

    def state(self) -> dict[str, Any]:
        """Connections, counters, limits."""
        return self.get("/sim/state")

    def connections(self, client_id: str = "dingdemo") -> list[dict[str, Any]]:
        """Live connections of a client that are not on their way out."""
        return [link for link in self.state()["clients"].get(client_id, []) if not link["draining"]]

    def reset(self) -> None:
        """Forget messages, cards, faults, acks and counters."""
        self.post("/sim/reset", {})

    def wait_connected(self, client_id: str = "dingdemo", within: float = 10.0) -> None:
        """Until the client has a live connection."""
        wait_until(lambda: self.connections(client_id), within=within, what=f"{client_id} connected")

    def wait_replies(self, count: int = 1, within: float = 10.0, **query: Any) -> list[dict[str, Any]]:
        """Until at least `count` replies are there; returns them."""
        return wait_until(
            lambda: rows if len(rows := self.replies(**query)) >= count else [],
            within=within,
            what=f"{count} replies",
        )


@contextmanager
def running_simulator(apps: dict[str, str] | None = None, **options: Any) -> Iterator[SimulatorHandle]:
    """Run a simulator on a free port for the length of the block. Options: fields of simulator.Options."""
    simulator = Simulator(apps or DEMO, port=options.pop("port", 0), **options)
    with in_thread(simulator), SimulatorHandle(simulator.base_url) as handle:
        yield handle
