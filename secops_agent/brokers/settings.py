"""Which broker, what of it, and how it is read."""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

_PORTS: Final = {"nats": 4222, "tls": 4222, "redis": 6379, "rediss": 6379}
_LONGEST: Final = 60  # of the name of a source


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """``topic``: subject (NATS) or key (Redis); ``group``: durable consumer or consumer group; ``format``: "" detects."""

    id: int
    name: str
    url: str
    topic: str
    group: str
    format: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    ca: str = field(default="", repr=False)

    @property
    def scheme(self) -> str:
        """nats, tls, redis, rediss."""
        return urlsplit(self.url).scheme

    @property
    def is_redis(self) -> bool:
        """Or NATS."""
        return self.scheme in ("redis", "rediss")

    @property
    def secure(self) -> bool:
        """Is TLS spoken?"""
        return self.scheme in ("tls", "rediss")

    @property
    def host(self) -> str:
        """Without the port."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The usual one where none is named."""
        return urlsplit(self.url).port or _PORTS[self.scheme]

    @property
    def database(self) -> int:
        """Of Redis."""
        return int(urlsplit(self.url).path.strip("/") or 0)

    @property
    def place(self) -> str:
        """Host and port, for people."""
        return f"{self.host}:{self.port}"

    @property
    def source(self) -> str:
        """What its alerts are said to come from. No message can claim another one."""
        whole = f"stream:{self.name}"
        end = f"#{self.id}"
        return whole if len(whole) <= _LONGEST else whole[: _LONGEST - len(end)] + end
