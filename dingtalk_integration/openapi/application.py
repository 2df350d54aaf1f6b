"""The DingTalk application on whose behalf calls are made."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from dingtalk_integration.openapi.endpoints import Endpoints

# What DingTalk meters apart: messages, cards, sessionWebhooks; and what all of them need (tokens, files).
Family = Literal["robot", "card", "webhook", "base"]
Counted = Callable[[Family], None]


@dataclass(frozen=True, slots=True)
class Application:
    """``client_id`` = appKey. ``proxy``: "" takes the environment's. ``robot_code``: usually the client_id."""

    client_id: str
    client_secret: str = field(repr=False)
    endpoints: Endpoints = field(default_factory=Endpoints)
    proxy: str = field(default="", repr=False)
    robot_code: str = ""

    @property
    def robot(self) -> str:
        """The robotCode to send as."""
        return self.robot_code or self.client_id
