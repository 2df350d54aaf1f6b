"""The clients to the applications: one for each configuration, renewed when its settings change."""

from dataclasses import dataclass

from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.outbound.http import HttpClient
from feishu_integration.config import FeishuSettings
from feishu_integration.openapi.api import FeishuApi, FeishuApplication
from feishu_integration.openapi.bot import FeishuBot
from feishu_integration.openapi.cardkit import CardKit
from feishu_integration.openapi.media import FeishuMedia
from feishu_integration.openapi.messages import FeishuMessages


@dataclass(frozen=True, slots=True)
class FeishuDoor:
    """The way to one application."""

    settings: FeishuSettings
    messages: FeishuMessages
    cardkit: CardKit
    media: FeishuMedia
    bot: FeishuBot


class FeishuDoors:
    """One per event loop."""

    def __init__(self, configs: ConfigCache) -> None:
        self._configs = configs
        self._http = HttpClient()
        self._doors: dict[int, FeishuDoor] = {}

    async def get(self, config_id: int) -> FeishuDoor:
        """The way to a configuration's application as it is now. Raises ConfigError or SecretError."""
        settings: FeishuSettings = await self._configs.get(config_id)
        door = self._doors.get(config_id)
        if door is None or door.settings != settings:
            application = FeishuApplication(
                settings.client_id, settings.client_secret, settings.endpoint, settings.proxy
            )
            api = FeishuApi(self._http, application)
            door = FeishuDoor(settings, FeishuMessages(api), CardKit(api), FeishuMedia(api), FeishuBot(api))
            self._doors[config_id] = door
        return door

    def settings(self, config_id: int) -> FeishuSettings | None:
        """The settings last seen, without looking; None before the first look."""
        settings: FeishuSettings | None = self._configs.peek(config_id)
        return settings

    async def close(self) -> None:
        """Close the HTTP connections of this loop."""
        await self._http.close()
