"""A Feishu configuration as the supervisor sees it."""

from collections.abc import Callable

from bifang.channels.streams.state import Observe
from bifang.channels.workers.client_threads import Trade
from bifang.core.outbound.rules import address_rules
from feishu_integration.config import FeishuSettings
from feishu_integration.handlers.intake import FeishuIntake
from feishu_integration.health import SERVICE
from feishu_integration.stream.client import FeishuClient
from feishu_integration.stream.settings import FeishuLinkSettings


def link_settings(settings: FeishuSettings) -> FeishuLinkSettings | None:
    """What the connection needs of a configuration; None if it wants none."""
    if not settings.use_long_connection:
        return None
    return FeishuLinkSettings(
        name=f"{settings.name}（ID {settings.id}）",
        app_id=settings.client_id,
        app_secret=settings.client_secret,
        endpoint=settings.endpoint,
        proxy=settings.proxy,
        rules=address_rules(),
    )


def _connect(
    config_id: int, settings: FeishuLinkSettings, stored: Callable[[], None], observe: Observe
) -> FeishuClient:
    return FeishuClient(settings, FeishuIntake(config_id, stored).receive, observe)


FEISHU = Trade(SERVICE, link_settings, _connect)
