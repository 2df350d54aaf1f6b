"""Application of DingTalk: on whose behalf calls are made, and the addresses of DingTalk's two HTTP interfaces."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from bifang.core.errors import BifangError, InvalidInput, RateLimited
from bifang.core.outbound.addresses import webhook_refusal
from dingtalk_integration.openapi.errors import QuotaUsedUp


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Base addresses without a trailing slash: ``api`` (OpenAPI v1.0), ``oapi`` (media, custom robots)."""

    api: str = "https://api.dingtalk.com"
    oapi: str = "https://oapi.dingtalk.com"

    def __post_init__(self) -> None:
        object.__setattr__(self, "api", self.api.rstrip("/"))
        object.__setattr__(self, "oapi", self.oapi.rstrip("/"))

    def check_webhook(self, webhook: str) -> None:
        """InvalidInput unless the sessionWebhook belongs here."""
        refusal = webhook_refusal(webhook, api=self.api, oapi=self.oapi)
        if refusal:
            raise InvalidInput(refusal)


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
