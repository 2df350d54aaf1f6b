"""What the client of Feishu's long connection needs to know."""

from dataclasses import dataclass, field

from bifang.channels.streams.settings import LinkSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class FeishuLinkSettings(LinkSettings):
    """The application's identity. ``ping_interval_s`` holds until Feishu says another one."""

    app_id: str
    app_secret: str = field(repr=False)
    ping_interval_s: float = 120.0
    pong_timeout_s: float = 30.0
