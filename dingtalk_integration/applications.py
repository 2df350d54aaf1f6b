"""The clients to the applications: one for each configuration, renewed when its settings change."""

from dataclasses import dataclass
from functools import partial

from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.outbound.http import HttpClient
from dingtalk_integration.config import DingTalkSettings
from dingtalk_integration.models import QuotaLedger
from dingtalk_integration.openapi.api import OpenApi
from dingtalk_integration.openapi.application import Application, Endpoints, Meter
from dingtalk_integration.openapi.cards import Cards
from dingtalk_integration.openapi.ding import Dings
from dingtalk_integration.openapi.media import Media
from dingtalk_integration.openapi.missed_events import MissedEvents
from dingtalk_integration.openapi.replies import Replies
from dingtalk_integration.openapi.robots import Robots
from dingtalk_integration.quotas.api_usage import CallCounter
from dingtalk_integration.webhook.addresses import card_callback


@dataclass(frozen=True, slots=True)
class ApplicationClient:
    """The connection to one application; messages and cards share its access token."""

    settings: DingTalkSettings
    replies: Replies
    cards: Cards
    robots: Robots
    missed: MissedEvents
    media: Media
    dings: Dings


class ApplicationClients:
    """One per event loop; ``counter`` counts what DingTalk meters."""

    def __init__(self, configs: ConfigCache, counter: CallCounter | None = None) -> None:
        self._configs = configs
        self.counter = counter or CallCounter()
        self._http = HttpClient()
        self._clients: dict[int, ApplicationClient] = {}

    async def get(self, config_id: int) -> ApplicationClient:
        """The client of a configuration as it is now. Raises ConfigError or SecretError."""
        settings: DingTalkSettings = await self._configs.get(config_id)
        client = self._clients.get(config_id)
        if client is None or client.settings != settings:
            self._clients[config_id] = client = self._open(settings)
        return client

    def settings(self, config_id: int) -> DingTalkSettings | None:
        """The settings last seen, without looking; None before the first look."""
        settings: DingTalkSettings | None = self._configs.peek(config_id)
        return settings

    def _open(self, settings: DingTalkSettings) -> ApplicationClient:
        application = Application(
            settings.client_id,
            settings.client_secret,
            Endpoints(settings.endpoint, settings.oapi_endpoint),
            settings.proxy,
        )
        meter = Meter(
            counted=partial(self.counter.count, settings.client_id),
            used_up=partial(self.counter.used_up, settings.client_id, QuotaLedger.CALLS),
        )
        api = OpenApi(self._http, application, meter=meter)
        return ApplicationClient(
            settings,
            Replies(api),
            Cards(api, card_callback(settings)),
            Robots(api),
            MissedEvents(api),
            Media(api),
            Dings(api),
        )

    async def close(self) -> None:
        """Close the HTTP connections of this loop."""
        await self._http.close()
