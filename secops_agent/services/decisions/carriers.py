"""Which configured connector carries a tool out, and what that means for whoever is asked to approve."""

from collections.abc import Mapping
from typing import Any, Final

from bifang.core.models import SystemConfig
from secops_agent.models import Action
from secops_agent.services.mcp.orders import CALL

KIND: Final = "webhook_connector"
UNDO: Final = (
    "undo_action"  # the tool of a proposal to take an action back; no model and no grammar can call it
)
DRY: Final = "未配置处置连接器：同意后只做演练，不会真的执行。"


def tool_names(text: str) -> frozenset[str]:
    """The names in a list with commas of either width."""
    words = str(text or "").replace("，", ",").replace("、", ",").split(",")
    return frozenset(word.strip() for word in words if word.strip())


def carrier_of(tool: str, config_id: int | None = None) -> SystemConfig | None:
    """The enabled connector that names the tool, else the first one for all tools; None: a dry run.

    ``config_id``: what is undone goes to the connector that did it.
    """
    rows = SystemConfig.objects.enabled(KIND).order_by("pk")
    if config_id is not None:
        rows = rows.filter(pk=config_id)
    listed = [(row, tool_names(row.params.get("tools", ""))) for row in rows]
    named = [row for row, tools in listed if tool in tools]
    return next(iter(named or [row for row, tools in listed if not tools]), None)


def prospect(tool: str, arguments: Mapping[str, Any]) -> str:
    """What an approval would set going now, for those who are asked for it."""
    config_id = None
    if tool == UNDO:
        action = Action.objects.filter(pk=int(arguments["action_id"])).first()
        tool, config_id = (action.tool, action.connector_config_id) if action else (tool, None)
        arguments = action.arguments if action else arguments
    if tool == CALL:
        return f"决定以后由 MCP 服务「{arguments['service']}」执行。"
    carrier = carrier_of(tool, config_id)
    return f"同意后由处置连接器「{carrier.name}」执行。" if carrier else DRY
