"""Registry of connectors: which one carries out which tool; the dry run where none is configured."""

from collections.abc import Mapping
from functools import cache

from bifang.core.configuration import configs
from bifang.core.errors import ConfigError
from bifang.core.extensions import Extension
from bifang.core.models import SystemConfig
from bifang.core.outbound.http import HttpClient
from secops_agent.connectors.base import Build, Connector, added
from secops_agent.connectors.config import WebhookKind
from secops_agent.connectors.http_tools.config import HttpToolsKind
from secops_agent.connectors.mcp.config import McpKind
from secops_agent.connectors.tool_connector import ToolConnector
from secops_agent.connectors.webhook import Webhook
from secops_agent.services.decisions.actions import ActionResult, Order
from secops_agent.services.decisions.carriers import carrier_of
from secops_agent.services.mcp.catalogue import services
from secops_agent.services.mcp.orders import CALL

TEXT = (
    "演练：没有配置连接器，没有对任何系统做出改动。要真正执行，请管理员在「系统配置」里添加「处置连接器」。"
)


class DryRun:
    """Changes nothing."""

    name = "dry_run"
    config_id: int | None = None

    async def run(self, order: Order) -> ActionResult:
        """Says so."""
        return ActionResult("dry", TEXT)


OURS: tuple[Extension[Build], ...] = (
    Extension(WebhookKind.name, WebhookKind.label, Webhook, settings=WebhookKind),
    Extension(McpKind.name, McpKind.label, lambda settings, http: ToolConnector(settings), settings=McpKind),
    Extension(
        HttpToolsKind.name,
        HttpToolsKind.label,
        lambda settings, http: ToolConnector(settings),
        settings=HttpToolsKind,
    ),
)


@cache
def _builders() -> Mapping[str, Build]:
    return {each.name: each.adds for each in (*OURS, *added())}


def builder_of(kind: str) -> Build:
    """What makes the connector of a configuration of this kind."""
    return _builders()[kind]


def connector_of(order: Order, http: HttpClient) -> Connector:
    """What carries it out; nothing configured: a dry run. Raises ConfigError, SecretError."""
    row = _server_of(order) if order.tool == CALL else carrier_of(order.tool, order.connector_config_id)
    if row is None and order.undo_url:
        raise ConfigError("当时执行它的连接器已停用、归档，或不再负责这个操作。")
    return DryRun() if row is None else builder_of(row.kind)(configs.load(row), http)


def _server_of(order: Order) -> SystemConfig:
    row = services().filter(pk=order.arguments["config"]).first()
    if row is None:
        raise ConfigError(f"提供工具的服务「{order.arguments['service']}」已停用或归档。")
    return row
