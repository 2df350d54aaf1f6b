"""What a Stream client needs to know."""

from dataclasses import dataclass, field

from bifang.channels.streams.settings import LinkSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings(LinkSettings):
    """The application's identity, and how its connection is kept."""

    client_id: str
    client_secret: str = field(repr=False)
    endpoint: str = "https://api.dingtalk.com"
