"""Which connector carries out which tool."""

from bifang.core import configs
from bifang.core.http import HttpClient
from bifang.core.models import SystemConfig
from secops_agent.connectors.base import Connector
from secops_agent.connectors.config import KIND, tool_names
from secops_agent.connectors.dry_run import DryRun
from secops_agent.connectors.webhook import Webhook, WebhookSettings
from secops_agent.services.actions import Order


def settings_for(order: Order) -> WebhookSettings | None:
    """The enabled connector that names the tool, else the first one for all tools; None: a dry run.

    What is undone goes to the connector that did it. Only the one that is chosen must be usable: what is wrong with
    another one stops nobody. Raises ConfigError, SecretError.
    """
    rows = SystemConfig.objects.enabled(KIND)
    if order.connector_config_id is not None:
        rows = rows.filter(pk=order.connector_config_id)
    tools = [(row, tool_names(row.params.get("tools", ""))) for row in rows]
    named = [row for row, names in tools if order.tool in names]
    chosen = next(iter(named or [row for row, names in tools if not names]), None)
    settings: WebhookSettings | None = configs.load(chosen) if chosen is not None else None
    return settings


def connector(settings: WebhookSettings | None, http: HttpClient) -> Connector:
    """The connector of these settings."""
    return Webhook(settings, http) if settings is not None else DryRun()
