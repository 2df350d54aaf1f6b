"""A simulated Feishu for tests: in a thread with its own event loop, spoken to over plain HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from simulators.feishu import Simulator
from tests.server_thread import in_thread
from tests.simulator_handle import SimulatorDoor

DEMO = {"cli_demo": "demo-secret"}


class FeishuHandle(SimulatorDoor):
    """A running Feishu simulator."""

    scope: ClassVar[str] = "app_id"
    first: ClassVar[str] = "cli_demo"

    def message(self, text: str = "你好", **fields: Any) -> dict[str, Any]:
        """Say something; fields as of POST /sim/messages. Returns {message_id, event_id, chat_id, delivered}."""
        return self.post("/sim/messages", {"text": text, **fields})

    def event(self, event_type: str, **fields: Any) -> dict[str, Any]:
        """Send an event; returns {event_id, delivered}."""
        return self.post("/sim/events", {"event_type": event_type, **fields})

    def click(self, message_id: str, value: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """Press a card's button; returns {ok, toast, card} or {ok: False, error} after 3 s."""
        return self.post("/sim/cards/click", {"message_id": message_id, "value": value, **fields})

    def connections(self, application: str = "") -> list[dict[str, Any]]:
        """Live connections of an application."""
        return self.state()["apps"].get(application or self.first, [])


@contextmanager
def running_feishu(apps: dict[str, str] | None = None, **options: Any) -> Iterator[FeishuHandle]:
    """Run a simulator on a free port for the length of the block. Options: fields of its Options."""
    simulator = Simulator(apps or DEMO, port=options.pop("port", 0), **options)
    with in_thread(simulator), FeishuHandle(simulator.base_url) as handle:
        yield handle
