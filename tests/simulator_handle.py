"""What a test may do with a running simulator of any platform; every call is one HTTP request."""

from typing import Any, ClassVar

from tests.deadline import wait_until
from tests.server_thread import ServerHandle


class SimulatorDoor(ServerHandle):
    """``scope``: the field that names an application, ``first``: the one that is meant without."""

    scope: ClassVar[str]
    first: ClassVar[str]

    def faults(self, application: str | None = None, **faults: Any) -> dict[str, Any]:
        """Switch faults on; `faults(clear=True)` clears. Returns what is on."""
        return self.post("/sim/faults", {**({self.scope: application} if application else {}), **faults})

    def replies(self, **query: Any) -> list[dict[str, Any]]:
        """What robots said; filters are the simulator's own."""
        return self.get("/sim/replies", **query)

    def acks(self, **query: Any) -> list[dict[str, Any]]:
        """Acks received."""
        return self.get("/sim/acks", **query)

    def state(self) -> dict[str, Any]:
        """Connections, counters, limits."""
        return self.get("/sim/state")

    def reset(self) -> None:
        """Forget messages, cards, faults, acks and counters."""
        self.post("/sim/reset", {})

    def connections(self, application: str = "") -> list[dict[str, Any]]:
        """Live connections of an application."""
        raise NotImplementedError

    def wait_connected(self, application: str = "", within: float = 10.0) -> None:
        """Until the application has a live connection."""
        name = application or self.first
        wait_until(lambda: self.connections(name), within=within, what=f"{name} connected")

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
