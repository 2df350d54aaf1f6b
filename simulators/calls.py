"""Telephones that ring: DING and 加急 as people would get them, for ``GET /sim/calls`` and the chat page."""

from dataclasses import asdict, dataclass, field
from typing import Any

from .values import now_ms

RINGS_MS = 60_000


@dataclass(slots=True)
class Ring:
    """One call to one person. ``by``: app, sms or call; ``receipt``: the platform's id of it."""

    client_id: str
    by: str
    staff_id: str
    name: str
    text: str
    receipt: str = ""
    recalled: bool = False
    at: int = field(default_factory=now_ms)


class Telephones:
    """Every call, oldest first."""

    def __init__(self) -> None:
        self.rung: list[Ring] = []

    def describe(self, client_id: str = "") -> list[dict[str, Any]]:
        """Of one application if named."""
        return [asdict(each) for each in self.rung if client_id in ("", each.client_id)]

    def ringing(self, client_id: str) -> list[dict[str, Any]]:
        """What a page shows now, the newest first."""
        since = now_ms() - RINGS_MS
        return [each for each in self.describe(client_id) if each["at"] > since and not each["recalled"]][
            ::-1
        ]
