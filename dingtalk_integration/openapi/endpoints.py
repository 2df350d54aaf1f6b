"""Where DingTalk's two HTTP interfaces live."""

from dataclasses import dataclass

from bifang.core.errors import InvalidInput
from bifang.core.outbound.addresses import webhook_refusal


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Base addresses without a trailing slash: ``api`` (OpenAPI v1.0), ``oapi`` (media, custom robots)."""

    api: str = "https://api.dingtalk.com"
    oapi: str = "https://oapi.dingtalk.com"

    def __post_init__(self) -> None:
        object.__setattr__(self, "api", self.api.rstrip("/"))
        object.__setattr__(self, "oapi", self.oapi.rstrip("/"))

    def check_webhook(self, webhook: str) -> None:
        """InvalidInput unless the sessionWebhook belongs here."""
        refusal = webhook_refusal(webhook, api=self.api, oapi=self.oapi)
        if refusal:
            raise InvalidInput(refusal)
