"""Carries an approved call of a foreign tool out, once: looked at again, called, verified."""

import asyncio
import json
import re
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

from bifang.core.database import db
from bifang.core.errors import BadCredentials, BifangError, RateLimited, RemoteError
from bifang.core.models import SystemConfig
from bifang.core.outbound.http import HttpClient
from secops_agent.connectors.mcp.config import McpSettings
from secops_agent.connectors.mcp.content import Answered, read_result
from secops_agent.connectors.mcp.session import McpSession
from secops_agent.connectors.mcp.wire import McpRefusal
from secops_agent.services.decisions.actions import ActionResult, Order
from secops_agent.services.faults import Conflict
from secops_agent.services.mcp import catalogue
from secops_agent.services.mcp.definitions import ReadyTool, read_offered
from secops_agent.services.mcp.mappings import map_call
from secops_agent.services.mcp.orders import CALL, narrowed, recheck
from secops_agent.services.mcp.schemas import header_arguments

UNDO: Final = "mcp:"  # before the tool that takes an action back, and what was given to the one that did it
PREPARE_S: Final = 20.0  # with `VERIFY_S` and the longest time-out of a configuration: below `actions.HOLD`
VERIFY_S: Final = 15.0
SHOWN: Final = 800
_NOT_SENT: Final = frozenset({"connect", "dns", "tls", "proxy"})
_NOT_DONE: Final = frozenset(
    {"-32600", "-32601", "-32602", "-32020", "-32021", "-32022"}
)  # refused as it was asked
_CHECK: Final = "请到目标系统核实是否已经执行；系统不会自动重试。"


@dataclass(frozen=True, slots=True)
class _Call:
    """What is called, with what, and what is looked for with ``verify`` afterwards. ``undoes``: it is to be gone then."""

    tool: ReadyTool
    arguments: Mapping[str, Any]
    aims: tuple[str, ...]
    verify: str = ""
    undo: str = ""
    undoes: bool = False


class McpConnector:
    """One configured MCP server, over a client of its own."""

    def __init__(self, settings: McpSettings) -> None:
        self.name = settings.name
        self.config_id: int | None = settings.id
        self._settings = settings

    async def run(self, order: Order) -> ActionResult:
        """Call it once; what cannot be known is said to be unknown."""
        try:
            call = await db.call(_call_of, order, self._settings.id)
            protocol = await db.call(catalogue.protocol_of, call.tool.config_id)
        except BifangError as error:
            return ActionResult("failed", f"没有执行：{error.message}")
        async with HttpClient(pool=2, ca=self._settings.ca) as http, AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(PREPARE_S):
                    server = await stack.enter_async_context(McpSession(self._settings, http, protocol))
                    await _look_again(server, call.tool)
                    if call.undoes and call.verify and await _is_gone(server, call):
                        return ActionResult(
                            "done", f"没有调用：核实（{call.verify}）时设备上已经没有。", stands=False
                        )
            except (BifangError, TimeoutError) as error:
                told = error.message if isinstance(error, BifangError) else "对方没有及时应答。"
                return ActionResult("failed", f"没有执行：{told}")
            return await self._call(server, call)

    async def _call(self, server: McpSession, call: _Call) -> ActionResult:
        mirrored = header_arguments(call.tool.schema, call.arguments)
        try:
            answered = read_result(await server.call(call.tool.name, call.arguments, mirrored))
        except RemoteError as error:
            return _no_result(error)
        kept = {"text": answered.text[:SHOWN]}
        if answered.failed:
            return ActionResult("failed", f"对方报告没有成功：{answered.text[:SHOWN]}", kept)
        checked, stands = await _verify(server, call) if call.verify else ("", None)
        undo = f"{UNDO}{json.dumps([call.undo, dict(call.arguments)])}" if call.undo else ""
        return ActionResult(
            "done", f"{answered.text[:SHOWN] or '对方已接受并执行。'}{checked}", kept, undo, stands
        )


def _call_of(order: Order, config_id: int) -> _Call:
    """Raises NotFound, Conflict, InvalidInput: what was decided about is not there any more."""
    if order.undo_url:
        return _inverse_of(order.undo_url, config_id)
    if order.tool != CALL:
        mapped = map_call(SystemConfig.objects.get(pk=config_id), order.tool, order.arguments)
        return _Call(mapped.tool, mapped.arguments, mapped.aims, mapped.tool.verify, mapped.tool.undo)
    wanted = recheck(order.arguments)
    tool = wanted.tool
    inverse = any(each.undo == tool.name for each in catalogue.ready_tools() if each.config_id == config_id)
    return _Call(tool, wanted.arguments, _aims(wanted.arguments), tool.verify, tool.undo, undoes=inverse)


def _inverse_of(undo: str, config_id: int) -> _Call:
    """The call that takes the action back, as the action named it."""
    name, given = json.loads(undo.removeprefix(UNDO))
    tool = catalogue.find_ready(config_id, name)
    arguments = narrowed(tool, given)
    return _Call(tool, arguments, _aims(arguments), tool.verify, undoes=True)


def _aims(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(value for value in arguments.values() if isinstance(value, str) and len(value) >= 4)


async def _look_again(server: McpSession, tool: ReadyTool) -> None:
    """The tool is still the one that a person has seen. Raises Conflict."""
    offered = {one.name: one for one in read_offered(await server.list_tools())}
    if tool.name not in offered or offered[tool.name].digest != tool.pin:
        raise Conflict(f"服务刚刚改了工具「{tool.name}」，和看过的不一样。请管理员在配置页重新查看。")


async def _read(server: McpSession, call: _Call) -> Answered:
    """What the reading tool says of the target. Raises BifangError, TimeoutError."""
    reader = await db.call(catalogue.find_ready, call.tool.config_id, call.verify)
    given = narrowed(reader, call.arguments)
    async with asyncio.timeout(VERIFY_S):
        return read_result(await server.call(call.verify, given, header_arguments(reader.schema, given)))


async def _is_gone(server: McpSession, call: _Call) -> bool:
    """Is it away already, so that there is nothing to take back? What cannot be read is not known to be."""
    try:
        return _stands(await _read(server, call), call) is False
    except (BifangError, TimeoutError):
        return False


async def _verify(server: McpSession, call: _Call) -> tuple[str, bool | None]:
    """What the reading tool says afterwards, and whether the target stands; it never makes an action that was done undone."""
    name = call.verify
    try:
        answered = await _read(server, call)
    except (BifangError, TimeoutError) as error:
        told = error.message if isinstance(error, BifangError) else "对方没有及时应答。"
        return f"\n\n核实（{name}）没有成功：{told}请到目标系统确认。", None
    return f"\n\n核实（{name}）：{_finding(answered, call)}\n\n{answered.text[:SHOWN]}", _stands(
        answered, call
    )


def _found(answered: Answered, call: _Call) -> list[str]:
    """The targets that are in it, each as a whole: 1.2.3.4 is not in 11.2.3.45."""
    return [
        one for one in call.aims if re.search(rf"(?<![\w.:-]){re.escape(one)}(?![\w:-]|\.\w)", answered.text)
    ]


def _stands(answered: Answered, call: _Call) -> bool | None:
    """None: it does not say."""
    found = _found(answered, call)
    if answered.failed or not call.aims or 0 < len(found) < len(call.aims):
        return None
    return bool(found)


def _finding(answered: Answered, call: _Call) -> str:
    wanted = call.aims
    found = _found(answered, call)
    if answered.failed or not wanted:
        return "请看下面的结果，自行判断。"
    if call.undoes:
        return (
            f"结果里仍有 {'、'.join(found)}，请到目标系统确认。"
            if found
            else f"结果里已没有 {'、'.join(wanted)}。"
        )
    missing = [value for value in wanted if value not in found]
    return (
        f"结果里没有 {'、'.join(missing)}，请到目标系统确认。"
        if missing
        else f"结果里有 {'、'.join(found)}。"
    )


def _no_result(error: RemoteError) -> ActionResult:
    code = {"code": error.code, "status": error.status}
    refused = isinstance(error, McpRefusal) and (
        error.code in _NOT_DONE or (400 <= error.status < 500 and error.status != 408)
    )
    if error.code in _NOT_SENT or refused or isinstance(error, (BadCredentials, RateLimited)):
        return ActionResult("failed", f"没有执行：{error.message}", code)
    return ActionResult("unknown", f"请求可能已经送达，但没有得到应答：{error.message}{_CHECK}", code)
