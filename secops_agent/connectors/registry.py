"""Which connector carries out which tool."""

from bifang.core import configs
from bifang.core.http import HttpClient
from bifang.core.models import SystemConfig
from secops_agent.connectors.base import Connector
from secops_agent.connectors.dry_run import DryRun
from secops_agent.connectors.webhook import Webhook, WebhookSettings
from secops_agent.services.actions import Order
from secops_agent.services.carriers import carrier_of


def settings_for(order: Order) -> WebhookSettings | None:
    """Of the connector that carries it out; None: a dry run. Raises ConfigError, SecretError."""
    row = carrier_of(order.tool, order.connector_config_id)
    return None if row is None else _loaded(row)


def _loaded(row: SystemConfig) -> WebhookSettings:
    settings: WebhookSettings = configs.load(row)
    return settings


def connector(settings: WebhookSettings | None, http: HttpClient) -> Connector:
    """The connector of these settings."""
    return Webhook(settings, http) if settings is not None else DryRun()
