"""The lines to the applications: one for each configuration, renewed when its settings change."""

from dataclasses import dataclass
from functools import partial

from bifang.core.config_cache import ConfigCache
from bifang.core.http import HttpClient
from dingtalk_integration.config import DingTalkSettings
from dingtalk_integration.ledger import Ledger
from dingtalk_integration.models import QuotaLedger
from dingtalk_integration.openapi.api import OpenApi
from dingtalk_integration.openapi.application import Application, Meter
from dingtalk_integration.openapi.cards import Cards
from dingtalk_integration.openapi.endpoints import Endpoints
from dingtalk_integration.openapi.replies import Replies


@dataclass(frozen=True, slots=True)
class Line:
    """The connection to one application; messages and cards share its access token."""

    settings: DingTalkSettings
    replies: Replies
    cards: Cards


class Lines:
    """One per event loop; ``ledger`` counts what DingTalk meters."""

    def __init__(self, configs: ConfigCache, ledger: Ledger | None = None) -> None:
        self._configs = configs
        self.ledger = ledger or Ledger()
        self._http = HttpClient()
        self._lines: dict[int, Line] = {}

    async def get(self, config_id: int) -> Line:
        """The line of a configuration as it is now. Raises ConfigError or SecretError."""
        settings: DingTalkSettings = await self._configs.get(config_id)
        line = self._lines.get(config_id)
        if line is None or line.settings != settings:
            self._lines[config_id] = line = self._open(settings)
        return line

    def settings(self, config_id: int) -> DingTalkSettings | None:
        """The settings last seen, without looking; None before the first look."""
        settings: DingTalkSettings | None = self._configs.peek(config_id)
        return settings

    def _open(self, settings: DingTalkSettings) -> Line:
        application = Application(
            settings.client_id,
            settings.client_secret,
            Endpoints(settings.endpoint, settings.oapi_endpoint),
            settings.proxy,
        )
        meter = Meter(
            counted=partial(self.ledger.count, settings.client_id),
            used_up=partial(self.ledger.used_up, settings.client_id, QuotaLedger.CALLS),
        )
        api = OpenApi(self._http, application, meter=meter)
        return Line(settings, Replies(api), Cards(api))

    async def close(self) -> None:
        """Close the HTTP connections of this loop."""
        await self._http.close()
