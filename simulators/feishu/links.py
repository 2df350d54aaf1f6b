"""Live WebSocket connections of applications."""

import random
from dataclasses import dataclass
from typing import Any

from simulators.sockets import Pool, Socket


class Link(Socket):
    """One connection. ``id`` is its device_id; ``pings`` counts what came in."""

    def __init__(self, app_id: str, device_id: str, service_id: int, user_agent: str) -> None:
        super().__init__(app_id, user_agent)
        self.id = device_id
        self.service_id = service_id
        self.pings = 0


@dataclass(slots=True)
class Links(Pool[Link]):
    """The live connections of all applications."""

    def pick(self, app_id: str) -> Link | None:
        """One random connection: Feishu does not broadcast, and does not see that one is half open."""
        links = self.by_owner.get(app_id)
        return random.choice(links) if links else None  # noqa: S311 - load balancing, not security

    def describe(self, app_id: str) -> list[dict[str, Any]]:
        """The connections of an application, as shown by ``GET /sim/state``."""
        return [
            {
                "id": link.id,
                "since": link.since,
                "user_agent": link.user_agent,
                "half_open": link.frozen,
                "pings": link.pings,
            }
            for link in self.by_owner.get(app_id, ())
        ]
