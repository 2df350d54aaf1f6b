"""Which connector carries out which tool."""

from bifang.core import configs
from bifang.core.errors import ConfigError
from bifang.core.http import HttpClient
from bifang.core.models import SystemConfig
from secops_agent.connectors.base import Connector
from secops_agent.connectors.dry_run import DryRun
from secops_agent.connectors.mcp.connector import McpConnector
from secops_agent.connectors.mcp.settings import McpSettings
from secops_agent.connectors.webhook import Webhook, WebhookSettings
from secops_agent.services.decisions.actions import Order
from secops_agent.services.decisions.carriers import carrier_of
from secops_agent.services.mcp.catalogue import KIND
from secops_agent.services.mcp.orders import CALL

Settings = WebhookSettings | McpSettings


def settings_for(order: Order) -> Settings | None:
    """Of the connector that carries it out; None: a dry run. Raises ConfigError, SecretError."""
    row = _server_of(order) if order.tool == CALL else carrier_of(order.tool, order.connector_config_id)
    if row is None and order.undo_url:
        raise ConfigError("当时执行它的连接器已停用、归档，或不再负责这个操作。")
    return None if row is None else _loaded(row)


def _server_of(order: Order) -> SystemConfig:
    row = SystemConfig.objects.enabled(KIND).filter(pk=order.arguments["config"]).first()
    if row is None:
        raise ConfigError(f"MCP 服务「{order.arguments['service']}」已停用或归档。")
    return row


def _loaded(row: SystemConfig) -> Settings:
    settings: Settings = configs.load(row)
    return settings


def connector(settings: Settings | None, http: HttpClient) -> Connector:
    """The connector of these settings."""
    if isinstance(settings, McpSettings):
        return McpConnector(settings)
    return Webhook(settings, http) if settings is not None else DryRun()
