"""A simulated Feishu for tests: in a thread with its own event loop, spoken to over plain HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from simulators.feishu import Simulator
from tests.deadline import wait_until
from tests.server_thread import ServerHandle, in_thread

DEMO = {"cli_demo": "demo-secret"}


class FeishuHandle(ServerHandle):
    """What a test may do with a running Feishu simulator; every call is one HTTP request."""

    def message(self, text: str = "你好", **fields: Any) -> dict[str, Any]:
        """Say something; fields as of POST /sim/messages. Returns {message_id, event_id, chat_id, delivered}."""
        return self.post("/sim/messages", {"text": text, **fields})

    def event(self, event_type: str, **fields: Any) -> dict[str, Any]:
        """Send an event; returns {event_id, delivered}."""
        return self.post("/sim/events", {"event_type": event_type, **fields})

    def click(self, message_id: str, value: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """Press a card's button; returns {ok, toast, card} or {ok: False, error} after 3 s."""
        return self.post("/sim/cards/click", {"message_id": message_id, "value": value, **fields})

    def faults(self, app_id: str | None = None, **faults: Any) -> dict[str, Any]:
        """Switch faults on; `faults(clear=True)` clears. Returns what is on."""
        return self.post("/sim/faults", {**({"app_id": app_id} if app_id else {}), **faults})

    def replies(self, **query: Any) -> list[dict[str, Any]]:
        """What bots said; filters: app_id, chat_id, after."""
        return self.get("/sim/replies", **query)

    def acks(self, **query: Any) -> list[dict[str, Any]]:
        """Acks received."""
        return self.get("/sim/acks", **query)

    def state(self) -> dict[str, Any]:
        """Connections, counters, limits."""
        return self.get("/sim/state")

    def connections(self, app_id: str = "cli_demo") -> list[dict[str, Any]]:
        """Live connections of an application."""
        return self.state()["apps"].get(app_id, [])

    def wait_connected(self, app_id: str = "cli_demo", within: float = 10.0) -> None:
        """Until the application has a live connection."""
        wait_until(lambda: self.connections(app_id), within=within, what=f"{app_id} connected")

    def wait_acks(self, count: int = 1, within: float = 10.0, **query: Any) -> list[dict[str, Any]]:
        """Until at least `count` acks are there; returns them."""
        return wait_until(
            lambda: rows if len(rows := self.acks(**query)) >= count else [],
            within=within,
            what=f"{count} acks",
        )

    def wait_replies(self, count: int = 1, within: float = 10.0, **query: Any) -> list[dict[str, Any]]:
        """Until at least `count` replies are there; returns them."""
        return wait_until(
            lambda: rows if len(rows := self.replies(**query)) >= count else [],
            within=within,
            what=f"{count} replies",
        )


@contextmanager
def running_feishu(apps: dict[str, str] | None = None, **options: Any) -> Iterator[FeishuHandle]:
    """Run a simulator on a free port for the length of the block. Options: fields of its Options."""
    simulator = Simulator(apps or DEMO, port=options.pop("port", 0), **options)
    with in_thread(simulator), FeishuHandle(simulator.base_url) as handle:
        yield handle
