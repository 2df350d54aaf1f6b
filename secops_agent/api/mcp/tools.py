"""tools/list and tools/call: the house's own tools. Reading ones run; the others only propose."""

import json
import logging
import time
from collections.abc import Mapping
from typing import Any, Final

from django.db import Error as DatabaseError

from bifang.channels.text.outgoing import safe_text
from bifang.core.errors import BifangError
from secops_agent.agent.llms.placeholders import mask
from secops_agent.api.mcp.callers import TokenCaller
from secops_agent.api.mcp.messages import PARAMS, RpcFault
from secops_agent.models.people.audit import AuditKind
from secops_agent.services.audit.trail import append, entry
from secops_agent.tools.arguments import bounded_schema, parse
from secops_agent.tools.base import ToolResult, clip
from secops_agent.tools.definitions import ToolDefinition
from secops_agent.tools.registry import BY_NAME, DEFINITIONS

log = logging.getLogger(__name__)
_LONGEST: Final = 16_000  # characters of a result
_KEPT: Final = 2000  # of refused arguments, in the audit trail
_TOLD: Final = "\n\n已私聊告诉{name}。只有人能决定：在聊天里回复，或在管理后台「操作审批」里决定；令牌不能。"


def list_tools(guest: TokenCaller) -> list[dict[str, Any]]:
    """What this guest may use."""
    return [_listed(each) for each in DEFINITIONS if not guest.refusal(each)]


def _listed(tool: ToolDefinition) -> dict[str, Any]:
    hints = {
        "title": tool.title, "readOnlyHint": tool.risk == "read", "destructiveHint": tool.risk == "dangerous",
        "idempotentHint": tool.risk == "read", "openWorldHint": False,
    }  # fmt: skip
    schema = bounded_schema(tool.arguments)
    return {
        "name": tool.name, "title": tool.title, "description": tool.description, "inputSchema": schema, "annotations": hints,
    }  # fmt: skip


def call_tool(guest: TokenCaller, name: Any, given: Any) -> dict[str, Any]:
    """The result of a call, which is on record whatever becomes of it. Raises RpcFault."""
    if not isinstance(name, str) or not isinstance(given, dict):
        raise RpcFault(PARAMS, "tools/call 需要 name（文本）；arguments 应为对象。")
    began, tool = time.monotonic(), BY_NAME.get(name)
    result = _run(guest, tool, given) if tool else ToolResult("error", text="没有这个工具")
    append([_record(guest, name, given, result, time.monotonic() - began)])
    if tool is None:
        raise RpcFault(PARAMS, f"没有名为「{name[:64]}」的工具，可用的见 tools/list。")
    return _shown(guest, result)


def _run(guest: TokenCaller, tool: ToolDefinition, given: Mapping[str, Any]) -> ToolResult:
    """Errors come back as results, unexpected ones also go to the log."""
    try:
        return tool.run(guest.asker(tool), parse(tool.arguments, given))
    except BifangError as error:
        return ToolResult("error", text=error.message)
    except DatabaseError:
        raise
    except Exception:
        log.exception("tool %s failed", tool.name)
        return ToolResult("error", text=f"工具「{tool.title}」内部出错，已记入日志，请告诉管理员。")


def _record(
    guest: TokenCaller, name: str, given: Mapping[str, Any], result: ToolResult, seconds: float
) -> Any:
    said = json.dumps(given)  # ASCII: holds what no database does, as escapes
    detail = {
        "status": result.status, "query": result.query, "seconds": round(seconds, 3), "arguments": said[:_KEPT],
        "owner": f"{guest.person.corp_id}:{guest.person.staff_id}" if guest.staff else "",
    }  # fmt: skip
    subject = f"proposal:{result.proposal_code}" if result.proposal_code else ""
    what = f"调用 {ascii(name)[1:-1]}"[:60]
    return entry(AuditKind.TOOL, what, guest.actor, subject=subject, detail=detail)


def _shown(guest: TokenCaller, result: ToolResult) -> dict[str, Any]:
    """As any message of ours may be shown; credentials in evidence are for no model that we do not know."""
    told = result.text + (_TOLD.format(name=guest.person.name) if result.proposed else "")
    text = safe_text(mask(clip(ToolResult("ok", text=told), _LONGEST).text))
    facts = {"status": result.status, "query": mask(result.query)}
    facts |= {"data": result.data} if result.data is not None else {}
    facts |= {"code": result.proposal_code} if result.proposal_code else {}
    return {
        "content": [{"type": "text", "text": text}], "structuredContent": facts, "isError": not result.useful,
    }  # fmt: skip
