"""Carriers: which configured connector carries a tool out, and what approvers are told of that."""

from collections.abc import Mapping
from typing import Any, Final

from bifang.channels.text.markup import literal
from bifang.channels.text.visible import visible
from bifang.core.configuration.kinds import carrying_kinds
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from bifang.core.secrets.sealed import place_of
from secops_agent.models import Action
from secops_agent.services.mcp import catalogue, http
from secops_agent.services.mcp.mappings import map_call, mapped_actions
from secops_agent.services.mcp.orders import CALL, order_to_undo
from secops_agent.services.switches import NO_ACTIONS, read_switches

KIND: Final = "webhook_connector"
UNDO: Final = (
    "undo_action"  # the tool of a proposal to take an action back; no model and no grammar can call it
)
UNDOES: Final = (UNDO, "unblock_ip", "release_host")  # proposals to take an action back, by its ``action_id``
BATCH: Final = "batch"  # of a proposal for many targets; no model and no grammar can call it
OURS: Final = ("decide_findings",)  # another person may have to approve it, and it is done in our own data
RELEASE: Final = "release"  # what it may be beside a tool: the release of what was ordered
AUTHORISATION: Final = (
    "petition"  # of a proposal by a program: its owner confirms that approvers are asked at all
)
DRY: Final = "未配置处置连接器：同意后只做演练，不会真的执行。"
STOPPED: Final = "「停止动作」打开着：现在批准不了，也不执行；管理员在「系统开关」里恢复以后才能批准。"


def tool_names(text: str) -> frozenset[str]:
    """The names in a list with commas of either width."""
    words = str(text or "").replace("，", ",").replace("、", ",").split(",")
    return frozenset(word.strip() for word in words if word.strip())


def carrier_of(tool: str, config_id: int | None = None) -> SystemConfig | None:
    """The enabled connector or service that names the tool, else the first connector for all; None: a dry run.

    ``config_id``: what is undone goes to the one that did it.
    """
    rows = SystemConfig.objects.current().filter(enabled=True, kind__in=carrying_kinds()).order_by("pk")
    if config_id is not None:
        rows = rows.filter(pk=config_id)
    listed = [(row, _named_by(row)) for row in rows]
    did_it = [row for row in rows if row.kind in catalogue.KINDS] if config_id is not None else []
    named = [row for row, tools in listed if tool in tools]
    for_all = [row for row, tools in listed if not tools and row.kind not in catalogue.KINDS]
    return next(iter(did_it or named or for_all), None)


def named_carrier(tool: str) -> SystemConfig | None:
    """The enabled one that names the tool itself; what takes everything is not meant."""
    rows = SystemConfig.objects.current().filter(enabled=True, kind__in=carrying_kinds()).order_by("pk")
    return next((row for row in rows if tool in _named_by(row)), None)


def _named_by(row: SystemConfig) -> frozenset[str]:
    if row.kind in catalogue.KINDS:
        return frozenset(mapped_actions(row))
    return tool_names(row.params.get("tools", ""))


def require_fit(tool: str, arguments: Mapping[str, Any]) -> None:
    """Can its carrier do it now, as far as that is known? Raises NotFound, Conflict, InvalidInput."""
    carrier = carrier_of(tool)
    if carrier is not None and carrier.kind in catalogue.KINDS:
        map_call(carrier, tool, arguments)


def carrier_effect(tool: str, arguments: Mapping[str, Any]) -> str:
    """What an approval would set going now, for who asks and who is asked for it."""
    return f"{stopped_now()}{_effect(tool, arguments)}"


def stopped_now() -> str:
    """What people are told of a proposal while 停止动作 is on; "" while it is not."""
    return STOPPED if NO_ACTIONS in read_switches() else ""


def _effect(tool: str, arguments: Mapping[str, Any]) -> str:
    if tool == AUTHORISATION:
        return f"本人确认以后才请审批人决定。{_effect(arguments['tool'], arguments['arguments'])}"
    if tool in OURS:
        return "同意后立即写入，不改动外面的系统。"
    config_id, action = None, None
    if tool == BATCH:
        tool, arguments = str(arguments["tool"]), {}
        if tool == RELEASE:
            return "同意后由当时执行它们的设备解除。"
    if tool in UNDOES:
        action = Action.objects.filter(pk=int(arguments["action_id"])).first()
        tool, config_id = (action.tool, action.connector_config_id) if action else (tool, None)
        arguments = action.arguments if action else arguments
    if tool == CALL:
        row = SystemConfig.objects.filter(pk=arguments["config"]).first()
        place = catalogue.place_of(row) if row else f"「{arguments['service']}」"
        return f"决定以后由 {place}执行。{_sent(row, tool, arguments, action) if row and action else ''}"
    carrier = carrier_of(tool, config_id)
    if carrier is None:
        return DRY
    if carrier.kind not in catalogue.KINDS:
        return f"同意后由处置连接器「{carrier.name}」执行。"
    return f"同意后由 {catalogue.place_of(carrier)}执行。{_sent(carrier, tool, arguments, action)}"


def _sent(carrier: SystemConfig, tool: str, arguments: Mapping[str, Any], undone: Action | None) -> str:
    """The exact request, where a person wrote what is sent."""
    if carrier.kind != http.KIND:
        return ""
    try:
        note = (
            str(undone.undo_url.open(place_of(Action, "undo_url", undone)))
            if undone and undone.undo_url
            else ""
        )
        call = order_to_undo(note, carrier.pk) if note else map_call(carrier, tool, arguments)
        sent = catalogue.shown_request(call.tool, call.arguments)
    except BifangError as error:
        return f"现在不能执行：{error.message}"
    return f"发出的请求：{literal(visible(sent))}" if sent else ""
