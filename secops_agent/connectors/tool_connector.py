"""Carries an approved call of a foreign tool out, once: looked at again, called, verified."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

from bifang.core.database import db
from bifang.core.errors import BadCredentials, BifangError, RateLimited, RemoteError
from bifang.core.models import SystemConfig
from bifang.core.outbound.http import HttpClient
from secops_agent.connectors.mcp.content import Answered
from secops_agent.connectors.mcp.wire import McpRefusal
from secops_agent.connectors.tool_sessions import ToolSession, ToolSettings, open_session
from secops_agent.services.decisions.actions import ActionResult, Order
from secops_agent.services.faults import Conflict
from secops_agent.services.mcp import catalogue
from secops_agent.services.mcp.definitions import ReadyTool
from secops_agent.services.mcp.mappings import map_call, map_inverse
from secops_agent.services.mcp.orders import CALL, narrowed, order_to_undo, recheck, undo_note

PREPARE_S: Final = 20.0  # with `VERIFY_S` and the longest time-out of a configuration: below `actions.HOLD`
VERIFY_S: Final = 15.0
SHOWN: Final = 800
_NOT_SENT: Final = frozenset({"connect", "dns", "tls", "proxy", "login"})
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
    undo: str = ""  # what the action is taken back by
    undoes: bool = False


class ToolConnector:
    """One configured service, over a client of its own."""

    def __init__(self, settings: ToolSettings) -> None:
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
                    server = await stack.enter_async_context(open_session(self._settings, http, protocol))
                    await _look_again(server, call.tool)
                    if call.undoes and call.verify and await _is_gone(server, call):
                        return ActionResult(
                            "done", f"没有调用：核实（{call.verify}）时设备上已经没有。", stands=False
                        )
            except (BifangError, TimeoutError) as error:
                told = error.message if isinstance(error, BifangError) else "对方没有及时应答。"
                return ActionResult("failed", f"没有执行：{told}")
            if self._settings.dry_run:
                return ActionResult("dry", await db.call(_rehearsal, call))
            return await self._call(server, call)

    async def _call(self, server: ToolSession, call: _Call) -> ActionResult:
        try:
            answered = await server.answer(call.tool, call.arguments)
        except RemoteError as error:
            return _no_result(error)
        except BifangError as error:
            return ActionResult("failed", f"没有执行：{error.message}")
        kept = {"text": answered.text[:SHOWN]}
        shown = (answered.shown or answered.text)[:SHOWN]
        if answered.failed:
            return ActionResult("failed", f"对方报告没有成功：{shown}", kept)
        checked, stands = await _verify(server, call) if call.verify else ("", None)
        return ActionResult("done", f"{shown or '对方已接受并执行。'}{checked}", kept, call.undo, stands)


def _call_of(order: Order, config_id: int) -> _Call:
    """Raises NotFound, Conflict, InvalidInput: what was decided about is not there any more."""
    if order.undo_url:
        back = order_to_undo(order.undo_url, config_id)
        return _Call(back.tool, back.arguments, _aims(back.arguments), back.tool.verify, undoes=True)
    if order.tool != CALL:
        config = SystemConfig.objects.get(pk=config_id)
        mapped, inverse = (each(config, order.tool, order.arguments) for each in (map_call, map_inverse))
        assert mapped is not None
        note = (
            undo_note(inverse.tool.name, inverse.arguments)
            if inverse
            else _undo_of(mapped.tool, mapped.arguments)
        )
        return _Call(mapped.tool, mapped.arguments, mapped.aims, mapped.tool.verify, note)
    wanted = recheck(order.arguments)
    tool = wanted.tool
    undoes = any(each.undo == tool.name for each in catalogue.ready_tools() if each.config_id == config_id)
    note = _undo_of(tool, wanted.arguments)
    return _Call(tool, wanted.arguments, _aims(wanted.arguments), tool.verify, note, undoes=undoes)


def _rehearsal(call: _Call) -> str:
    """What would have been sent."""
    return f"演练：这份配置只演练（dry_run），没有发出。本来要发出：{catalogue.shown_request(call.tool, call.arguments)}"


def _undo_of(tool: ReadyTool, arguments: Mapping[str, Any]) -> str:
    return undo_note(tool.undo, arguments) if tool.undo else ""


def _aims(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(value for value in arguments.values() if isinstance(value, str) and len(value) >= 4)


async def _look_again(server: ToolSession, tool: ReadyTool) -> None:
    """The tool is still the one that a person has seen. Raises Conflict."""
    offered = {one.name: one for one in await server.offered()}
    if tool.name not in offered or offered[tool.name].digest != tool.pin:
        raise Conflict(f"服务刚刚改了工具「{tool.name}」，和看过的不一样。请管理员在配置页重新查看。")


async def _read(server: ToolSession, call: _Call) -> tuple[Answered, Sequence[str]]:
    """What the reading tool says, and of which targets alone it was asked. Raises BifangError, TimeoutError."""
    reader = await db.call(catalogue.find_ready, call.tool.config_id, call.verify)
    given = narrowed(reader, call.arguments)
    async with asyncio.timeout(VERIFY_S):
        return await server.answer(reader, given), [each for each in call.aims if each in given.values()]


async def _is_gone(server: ToolSession, call: _Call) -> bool:
    """Is it away already, so that there is nothing to take back? What cannot be read is not known to be."""
    try:
        return _stands((await _read(server, call))[0], call) is False
    except (BifangError, TimeoutError):
        return False


async def _verify(server: ToolSession, call: _Call) -> tuple[str, bool | None]:
    """What the reading tool says afterwards, and whether the target stands; it never makes an action that was done undone."""
    name = call.verify
    try:
        answered, alone = await _read(server, call)
    except (BifangError, TimeoutError) as error:
        told = error.message if isinstance(error, BifangError) else "对方没有及时应答。"
        return f"\n\n核实（{name}）没有成功：{told}请到目标系统确认。", None
    shown = (answered.shown or answered.text)[:SHOWN]
    of = f"只查 {'、'.join(alone)}：" if alone else ""
    return f"\n\n核实（{name}）：{_finding(answered, call)}\n\n{of}{shown}", _stands(answered, call)


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
