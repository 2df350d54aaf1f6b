"""What can be chosen when a Feishu simulator is started. Times in seconds."""

import uuid
from dataclasses import dataclass, field

DEFAULT_PORT = 8930
DEMO_APPS = {"cli_demo": "demo-secret", "cli_guide": "guide-secret"}
NAMES = {"cli_guide": "练习机器人"}
SERVICE_ID = 7


@dataclass(frozen=True, slots=True)
class Options:
    """Options of one simulator; the defaults are those of the real Feishu where they are known.

    ``redeliver_s``: the gaps after the first and each further delivery; the last gap ends in giving up.
    ``frame_bytes``: a longer payload is split (Feishu does not say where). ``limits`` off counts without refusing.
    ``demo``: every bot is in a group and knows the people of the page from the start.
    """

    limits: bool = True
    ack_s: float = 3.0
    redeliver_s: tuple[float, ...] = (15.0, 300.0, 3600.0, 21600.0)
    frame_bytes: int = 200_000
    ping_interval_s: int = 120
    reconnect_interval_s: int = 120
    reconnect_nonce_s: int = 30
    reconnect_count: int = -1
    ticket_ttl_s: float = 90.0
    token_ttl_s: float = 7200.0
    uuid_ttl_s: float = 3600.0
    most_connections: int = 50
    openapi_per_second: int = 50
    chat_per_second: int = 5
    tenant_key: str = "tenant_demo"
    demo: bool = False

    def client_config(self) -> dict[str, int]:
        """What the endpoint tells every client."""
        return {
            "ReconnectCount": self.reconnect_count,
            "ReconnectInterval": self.reconnect_interval_s,
            "ReconnectNonce": self.reconnect_nonce_s,
            "PingInterval": self.ping_interval_s,
        }


@dataclass(frozen=True, slots=True)
class App:
    """One self-built application (企业自建应用) with its bot."""

    app_id: str
    secret: str = field(repr=False)
    name: str = "毕方"

    @property
    def open_id(self) -> str:
        """The bot's own id, as mentions carry it."""
        return "ou_bot_" + derive(self.app_id, "bot")


def derive(*parts: str) -> str:
    """An id that is the same for the same parts."""
    return uuid.uuid5(uuid.NAMESPACE_OID, " ".join(parts)).hex
