"""What can be chosen when a simulator is started. Times in seconds."""

import os
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_PORT = 8910
DEMO_APPS = {"dingdemo": "demo-secret", "dingguide": "guide-secret"}
NAMES = {"dingdemo": "毕方", "dingguide": "练习机器人"}


def limits_from_environment() -> bool:
    """Whether limits apply: they do unless ``BIFANG_RATE_LIMITS=off``."""
    return os.environ.get("BIFANG_RATE_LIMITS", "").strip().lower() != "off"


@dataclass(frozen=True, slots=True)
class Options:
    """Options of one simulator; the defaults are those of the real DingTalk where they are known.

    ``limits`` switches the refusals (20 messages/min per robot and conversation, 20 calls/s per app and API);
    what was seen is counted in any case. ``max_deliveries`` bounds redelivery of one push, a number that
    DingTalk does not publish. ``callback_within_s``: how long a call of each door waits for its answer.
    """

    limits: bool = field(default_factory=limits_from_environment)
    redeliver_after_s: float = 60.0
    max_deliveries: int = 20
    disconnect_grace_s: float = 10.0
    ping_every_s: float = 30.0
    ticket_ttl_s: float = 90.0
    webhook_ttl_s: float = 5400.0
    token_ttl_s: float = 7200.0
    webhook_per_minute: int = 20
    openapi_per_second: int = 20
    card_ack_s: float = 5.0
    callback_within_s: Mapping[str, float] = field(
        default_factory=lambda: {"robot": 2.5, "events": 2.5, "cards": 2.0}
    )
    callback_retries_s: tuple[float, ...] = (10.0, 30.0)
    verify_s: float = 5.0
    robot_block_s: float = 600.0
    state_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Robot:
    """One application with its robot: robotCode and appKey are its Client ID.

    ``has_robot``: 机器人 was added to it; ``version``: the one that was published, "" for none; ``stream``: 事件订阅 is
    set to Stream 推送; ``http``: to addresses of its own. Without any of them nothing is pushed. ``made``: on the page or over HTTP while running, so it
    is kept.
    """

    client_id: str
    secret: str = field(repr=False)
    name: str
    app_id: str
    stream: bool = True
    made: bool = False
    has_robot: bool = True
    version: str = "1.0.0"
    http: bool = False

    @property
    def deaf(self) -> str:
        """Why no message reaches it, as a bubble's state; "" if they do."""
        return (
            "no_robot"
            if not self.has_robot
            else "unpublished"
            if not self.version
            else ""
            if self.stream or self.http
            else "no_stream"
        )

    @property
    def user_id(self) -> str:
        """The robot's own opaque DingTalk id (``chatbotUserId``)."""
        return f"$:LWCP_v1:$bot-{self.client_id}"


@dataclass(frozen=True, slots=True)
class Subscription:
    """What HTTP mode was given for one application: addresses, and the keys of events; "" for what was not."""

    robot: str = ""
    events: str = ""
    token: str = field(default="", repr=False)
    aes_key: str = field(default="", repr=False)


def build_robot(client_id: str, secret: str) -> Robot:
    """The robot of an application that was named at the start, ready for use; the demo's is called 毕方."""
    app_id = uuid.uuid5(uuid.NAMESPACE_OID, client_id)
    return Robot(client_id, secret, NAMES.get(client_id, client_id), str(app_id))


def mint_robot(name: str) -> Robot:
    """A new application as 「创建应用」 makes it: with credentials, and without robot, Stream 推送 and version yet."""
    client_id, app_id = f"ding{secrets.token_hex(8)}", str(uuid.uuid4())
    return Robot(client_id, mint_secret(), name, app_id, stream=False, made=True, has_robot=False, version="")


def mint_secret() -> str:
    """A fresh Client Secret."""
    return secrets.token_urlsafe(48)
