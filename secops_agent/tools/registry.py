"""All tools by name: ours, a module of this package and a line here each, and those of installed packages."""

from typing import Any, Final

from bifang.core.extensions import Extension, installed
from secops_agent.services.decisions.carriers import AUTHORISATION, UNDO
from secops_agent.tools.arguments import Arguments, schema
from secops_agent.tools.definitions import ToolDefinition, action, reading
from secops_agent.tools.estate import assets, findings, indicators, resolving, vulnerabilities
from secops_agent.tools.incidents import (
    alert_lists,
    alert_statistics,
    alerts,
    case_orders,
    cases,
    comparisons,
    events,
    exports,
    investigations,
    silences,
    triage,
    watches,
)
from secops_agent.tools.operations import (
    blocks,
    compute,
    files,
    mcp,
    messages,
    on_call,
    proposals,
    reports,
    response,
    runbooks,
    schedule_changes,
    schedules,
    skill_files,
    status,
)

_OURS: Final[tuple[ToolDefinition, ...]] = (
    *alert_lists.TOOLS,
    *alerts.TOOLS,
    *exports.TOOLS,
    *alert_statistics.TOOLS,
    *investigations.TOOLS,
    *triage.TOOLS,
    *cases.TOOLS,
    *case_orders.TOOLS,
    *assets.TOOLS,
    *vulnerabilities.TOOLS,
    *findings.TOOLS,
    *resolving.TOOLS,
    *comparisons.TOOLS,
    *events.TOOLS,
    *compute.TOOLS,
    *indicators.TOOLS,
    *runbooks.TOOLS,
    *silences.TOOLS,
    *on_call.TOOLS,
    *proposals.TOOLS,
    *reports.TOOLS,
    *schedules.TOOLS,
    *schedule_changes.TOOLS,
    *assets.OWNER_TOOLS,
    *messages.TOOLS,
    *watches.TOOLS,
    *response.TOOLS,
    *blocks.TOOLS,
    *status.TOOLS,
)
# Orders that are stored under a tool's name and are none that anybody calls.
_UNLISTED: Final = (
    files.DEFINITION.name,
    mcp.DEFINITION.name,
    skill_files.DEFINITION.name,
    AUTHORISATION,
    UNDO,
)


def unfit(extension: Extension[Any]) -> str:
    """Why this cannot be a tool; "" if it can."""
    tool = extension.adds
    if not isinstance(tool, ToolDefinition):
        return "adds 应当是 ToolDefinition（用 reading 或 action 写）"
    if (tool.name, tool.title) != (extension.name, extension.label):
        return "工具的 name 和 title 应当与扩展的名称、label 相同"
    if not isinstance(extension.adds.description, str):
        return "description 应当是文字"
    arguments = extension.adds.arguments
    if not (isinstance(arguments, type) and issubclass(arguments, Arguments)):
        return "arguments 应当是 Arguments 的子类"
    schema(arguments)  # raises where no model could be shown it
    if tool.risk == "read":
        return "" if tool.check is None else "只读的工具没有 check"
    if tool.risk not in ("write", "dangerous") or tool.check is None:
        return "risk 应当是 read、write 或 dangerous，操作应当有 check"
    here = tool.act is not None or tool.act_there is not None
    if here != (tool.risk == "write"):
        return "write 的操作应当有 act；dangerous 的没有：批准以后由连接器执行"
    return ""


def _bounded(tool: ToolDefinition) -> ToolDefinition:
    """A package's tool with a `run` of ours: what it reads is masked in a group, an action only proposes, and a person decides."""
    if tool.risk == "read" or tool.check is None:
        return reading(tool.name, tool.title, tool.description, tool.arguments, tool.run, slow=tool.slow)
    return action(
        tool.name, tool.title, tool.description, tool.risk, tool.arguments, tool.check, tool.act, tool.recheck,
        tool.act_there,
    )  # fmt: skip


_OTHERS: Final = installed("tools", (*(each.name for each in _OURS), *_UNLISTED), unfit)
ADDED: Final = frozenset(each.name for each in _OTHERS)
DEFINITIONS: Final = (*_OURS, *(_bounded(each.adds) for each in _OTHERS))
BY_NAME: Final[dict[str, ToolDefinition]] = {definition.name: definition for definition in DEFINITIONS}
