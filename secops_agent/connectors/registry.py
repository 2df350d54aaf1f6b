"""Which connector carries out which tool."""

from bifang.core import configs
from bifang.core.http import HttpClient
from bifang.core.models import SystemConfig
from secops_agent.connectors.base import Connector
from secops_agent.connectors.config import KIND
from secops_agent.connectors.dry_run import DryRun
from secops_agent.connectors.webhook import Webhook, WebhookSettings
from secops_agent.services.actions import Order


def settings_for(order: Order) -> WebhookSettings | None:
    """The enabled connector that names the tool, else the first one for all tools; None: a dry run.

    What is undone goes to the connector that did it. Raises ConfigError, SecretError.
    """
    rows = SystemConfig.objects.enabled(KIND)
    if order.connector_config_id is not None:
        rows = rows.filter(pk=order.connector_config_id)
    found: list[WebhookSettings] = [configs.load(row) for row in rows]
    named = [one for one in found if order.tool in one.tools]
    return next(iter(named or [one for one in found if not one.tools]), None)


def connector(settings: WebhookSettings | None, http: HttpClient) -> Connector:
    """The connector of these settings."""
    return Webhook(settings, http) if settings is not None else DryRun()
