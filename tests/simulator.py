"""A simulated DingTalk for tests: in a thread with its own event loop, spoken to over plain HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from simulators.dingtalk import Simulator
from tests.server_thread import in_thread
from tests.simulator_handle import SimulatorDoor

DEMO = {"dingdemo": "demo-secret"}


class SimulatorHandle(SimulatorDoor):
    """A running DingTalk simulator."""

    scope: ClassVar[str] = "client_id"
    first: ClassVar[str] = "dingdemo"

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

    def cards(self, **query: Any) -> list[dict[str, Any]]:
        """Cards and what they show."""
        return self.get("/sim/cards", **query)

    def connections(self, application: str = "") -> list[dict[str, Any]]:
        """Live connections of an application that are not on their way out."""
        links = self.state()["clients"].get(application or self.first, [])
        return [link for link in links if not link["draining"]]


@contextmanager
def running_simulator(apps: dict[str, str] | None = None, **options: Any) -> Iterator[SimulatorHandle]:
    """Run a simulator on a free port for the length of the block. Options: fields of simulator.Options."""
    simulator = Simulator(apps or DEMO, port=options.pop("port", 0), **options)
    with in_thread(simulator), SimulatorHandle(simulator.base_url) as handle:
        yield handle
