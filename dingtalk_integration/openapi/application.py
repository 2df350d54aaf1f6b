"""The DingTalk application on whose behalf calls are made."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from bifang.core.errors import BifangError, RateLimited
from dingtalk_integration.openapi.endpoints import Endpoints
from dingtalk_integration.openapi.errors import QuotaUsedUp

# What DingTalk meters apart: messages, cards, sessionWebhooks; and what all of them need (tokens, files).
Family = Literal["robot", "card", "webhook", "base"]


def _nobody(*_: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Meter:
    """``counted`` is told of every call that DingTalk meters, ``used_up`` that it refuses because of the quota."""

    counted: Callable[[Family], None] = _nobody
    used_up: Callable[[], None] = _nobody

    @contextmanager
    def metering(self, family: Family) -> Iterator[None]:
        """Around reading an answer. What is refused for coming too fast is not metered."""
        try:
            yield
        except QuotaUsedUp:
            self.used_up()
            raise
        except RateLimited:
            raise
        except BifangError:
            self.counted(family)
            raise
        self.counted(family)


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
