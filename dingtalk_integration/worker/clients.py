"""A DingTalk configuration as the supervisor sees it."""

from collections.abc import Callable

from bifang.channels.streams.state import Observe
from bifang.channels.workers.client_threads import Trade
from bifang.core.outbound.rules import address_rules
from dingtalk_integration.config import DingTalkSettings
from dingtalk_integration.handlers.intake import Intake
from dingtalk_integration.health import SERVICE
from dingtalk_integration.stream.client import StreamClient
from dingtalk_integration.stream.settings import StreamSettings


def stream_settings(settings: DingTalkSettings) -> StreamSettings:
    """What the stream client needs of a configuration; equal settings need no new connection."""
    return StreamSettings(
        name=f"{settings.name}（ID {settings.id}）",
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        endpoint=settings.endpoint,
        proxy=settings.proxy,
        rules=address_rules(),
    )


def _pushed(settings: DingTalkSettings) -> StreamSettings | None:
    return stream_settings(settings) if settings.use_stream_push else None


def _connect(
    config_id: int, settings: StreamSettings, stored: Callable[[], None], observe: Observe
) -> StreamClient:
    return StreamClient(settings, Intake(config_id, stored).receive, observe)


DINGTALK = Trade(SERVICE, _pushed, _connect)
