"""list_proposals: what waits for the asker's confirmation or approval."""

from typing import Final

from secops_agent.services.decisions import pending
from secops_agent.tools.base import NoArguments, ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading

_IN_GROUP: Final = "待确认和待审批的操作不在群里显示，已私聊发给您。"


def list_proposals(asker: Asker, given: NoArguments) -> ToolResult:
    """The asker's own undecided ones, and for an approver those of others. Not for a group."""
    waiting = pending.waiting_for(asker.person)
    text = pending.tell(asker.person, waiting)
    status, query = ("ok" if waiting else "no_data"), "等待您决定的操作"
    if asker.is_group and waiting:
        return ToolResult("ok", query, _IN_GROUP, private_text=text)
    return ToolResult(status, query, text, [each.code for each in waiting])  # type: ignore[arg-type]


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "list_proposals",
        "查看待审批",
        "等待提问者本人确认、或等待他审批的操作，各有完整的回复口令。只能由人自己回复，不能代为决定。",
        NoArguments,
        list_proposals,
    ),
)
