"""Tools of the company's own services (MCP, HTTP): models may read with them; what changes something, a person orders by an exact line."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from bifang.channels.text.markup import plain
from bifang.core.database import db
from bifang.core.errors import BifangError, InvalidInput
from secops_agent.connectors.mcp.content import Answered
from secops_agent.llm.types import ToolCall, ToolSpec
from secops_agent.services.decisions.carriers import carrier_effect
from secops_agent.services.mcp.definitions import LOGS, ReadyTool
from secops_agent.services.mcp.orders import CALL, COMMAND, McpOrder, line_of, read_line, recheck
from secops_agent.services.mcp.schemas import check_arguments
from secops_agent.services.mcp.spoken import line_in
from secops_agent.services.people.staff import Person
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import Prepared, Tool, ToolResult
from secops_agent.tools.definitions import HOW, Asker, ToolDefinition, ValidatedAction
from secops_agent.tools.masking import for_reader
from secops_agent.tools.operations.logs import NOT_THERE, LogQuestion, arguments_for

MOST_OFFERED: Final = 40  # reading tools that a model is shown: each costs room in every question
_LONGEST: Final = 20_000
_TITLE: Final = "执行外部工具"


class GivenArguments(Arguments):
    """The checked arguments of a foreign tool, as JSON: hashable."""

    given: str = argument("参数", max_length=_LONGEST)


class OrderLine(Arguments):
    """What was typed after the command."""

    line: str = argument("服务 工具 名称=值 …", default="", max_length=4000)


@dataclass(frozen=True)
class McpTool(Tool):
    """A foreign tool with its own schema."""

    offered: ToolSpec | None = None

    @property
    def spec(self) -> ToolSpec:
        """As the model is shown it: what a stranger wrote, as far as a person has seen it."""
        assert self.offered is not None
        return self.offered


class ToolCaller(Protocol):
    """Calls a tool that reads."""

    async def call(self, tool: ReadyTool, arguments: Mapping[str, Any]) -> Answered:
        """Raises BifangError."""
        ...


class McpTools:
    """What may be used now, for one turn."""

    def __init__(self, tools: tuple[ReadyTool, ...] = (), caller: ToolCaller | None = None) -> None:
        self._tools = {tool.alias: tool for tool in tools}
        self._caller = caller

    def specs(self, person: Person) -> tuple[ToolSpec, ...]:
        """The reading tools of this person."""
        mine = [tool for tool in self._tools.values() if tool.risk == "read" and person.may(tool.role)]
        return tuple(_spec(tool) for tool in mine[:MOST_OFFERED])

    def order_in(self, text: str, person: Person) -> str | None:
        """What stands behind the command for the reading tool that a whole sentence names; None for no such sentence."""
        return line_in(text, [tool for tool in self._tools.values() if person.may(tool.role)])

    def prepare(self, call: ToolCall, asker: Asker) -> Prepared | ToolResult | None:
        """A model's call of one of these tools, checked; None if it is none of these."""
        tool = self._tools.get(call.name)
        if tool is None:
            return None
        if tool.risk != "read":
            return ToolResult("error", text=_must_be_typed(tool))
        if not asker.person.may(tool.role):
            return ToolResult("error", text=_beyond(tool, asker.person))
        try:
            given = _object(call.arguments)
            check_arguments(tool.schema, given)
            values = GivenArguments(given=json.dumps(given, sort_keys=True, ensure_ascii=False))
        except (BifangError, ValueError) as fault:
            return ToolResult("error", text=str(fault) if isinstance(fault, BifangError) else "参数太长。")
        return Prepared(self._reader(tool, asker), values)

    def _reader(self, tool: ReadyTool, asker: Asker) -> Tool:
        async def run(given: GivenArguments) -> ToolResult:
            return await self._read(McpOrder(tool, json.loads(given.given)), asker)

        title = f"查询 {tool.service}"
        return McpTool(tool.alias, title, tool.description, "read", GivenArguments, run, _spec(tool))

    async def _read(self, order: McpOrder, asker: Asker) -> ToolResult:
        assert self._caller is not None
        answered = await self._caller.call(order.tool, order.arguments)
        query = f"{order.tool.kind}「{plain(order.tool.service, 60)}」{order.tool.name}：{order.said}"
        if answered.failed:
            return ToolResult(
                "error", query, f"「{plain(order.tool.service, 60)}」没有成功：{answered.text[:1000]}"
            )
        if not answered.text:
            return ToolResult("no_data", query, "对方没有返回内容。")
        result = ToolResult(
            "ok",
            query,
            f"**{plain(order.tool.service, 60)}** {order.tool.name}：\n\n{_spaced(answered.text)}",
        )
        return for_reader(result, asker)

    def by_order(self, asker: Asker) -> Tool:
        """What carries out an exact line that a person typed."""

        async def run(given: OrderLine) -> ToolResult:
            if not given.line:
                return ToolResult("ok", "可用的外部工具", self._overview(asker.person))
            order = await db.call(read_line, given.line)
            if not asker.person.may(order.tool.role):
                return ToolResult("error", text=_beyond(order.tool, asker.person))
            if order.tool.risk == "read":
                return await self._read(order, asker)
            return await db.call(_propose, order, asker)

        return Tool(CALL, _TITLE, _TITLE, "write", OrderLine, run)

    def by_question(self, asker: Asker) -> Tool:
        """What answers a question for logs: the first service that has them, of those that this person may ask."""

        async def run(asked: LogQuestion) -> ToolResult:
            there = [one for one in self._tools.values() if one.name == LOGS and one.risk == "read"]
            tool = next((one for one in there if asker.person.may(one.role)), None)
            if tool is None:
                return ToolResult("error", "查日志", _beyond(there[0], asker.person) if there else NOT_THERE)
            given = arguments_for(dict(tool.schema), asked)
            check_arguments(tool.schema, given)
            return await self._read(McpOrder(tool, given), asker)

        return Tool(LOGS, "查日志", "查日志", "read", LogQuestion, run)

    def _overview(self, person: Person) -> str:
        mine = [tool for tool in self._tools.values() if person.may(tool.role)]
        word = {"read": "查询", "write": "需本人确认", "dangerous": "需他人审批"}
        lines = [f"- `{line_of(tool)}`（{word[tool.risk]}）" for tool in mine]
        head = f"写成 `{COMMAND} 服务 工具 名称=值`。您现在可以用："
        return "\n".join([head, "", *lines]) if lines else "现在没有您可以用的外部工具。"


def _spec(tool: ReadyTool) -> ToolSpec:
    return ToolSpec(tool.alias, f"[{tool.service}] {tool.description}", dict(tool.schema))


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidInput("参数不是合法的 JSON 对象。")
    return found


def _spaced(text: str) -> str:
    """Lines of a list stay together, other lines stay apart: Markdown joins what stands on lines that follow."""
    lines = [line for line in text.splitlines() if line.strip()]
    joined = (("\n" if line.lstrip().startswith("- ") else "\n\n") + line for line in lines)
    return "".join(joined).strip("\n")


def _must_be_typed(tool: ReadyTool) -> str:
    return (
        f"「{tool.service}」的 {tool.name} 会改动系统，没有提交：只有提问者自己写出完整的一行才会提交。"
        f"可以请提问者发送：{line_of(tool)}"
    )


def _beyond(tool: ReadyTool, person: Person) -> str:
    return (
        f"「{plain(tool.service, 60)}」的 {tool.name} 需要「{tool.role.label}」角色，您现在的角色是「{person.role.label}」，"
        "没有执行任何操作。需要的话请联系管理员。"
    )


def _propose(order: McpOrder, asker: Asker) -> ToolResult:
    risk, summary = order.tool.risk, order.summary
    try:
        code = asker.proposer.propose(CALL, order.title, risk, order.stored(), summary)
    except BifangError as refusal:
        return ToolResult(
            "error", order.title, f"没有执行任何操作：{refusal.message}\n\n原本要做的是：{summary}"
        )
    status: Any = "needs_confirmation" if risk == "write" else "needs_approval"
    told = f"**{carrier_effect(CALL, order.stored())}**\n\n{HOW[risk].format(code=code)}"
    text = f"**{order.title}**（尚未执行）\n\n{summary}\n\n{told}"
    return ToolResult(status, order.title, text, order.stored(), code)


def _plan(stored: Mapping[str, Any]) -> ValidatedAction:
    return ValidatedAction(stored, recheck(stored).summary)


def _never(asker: Asker, given: Any) -> ToolResult:
    raise InvalidInput("没有提交。")


DEFINITION: Final = ToolDefinition(
    CALL, _TITLE, _TITLE, "write", OrderLine, _never, check=lambda given, person: _plan({}), recheck=_plan
)


def order_arguments(line: str) -> str:
    """The arguments of the call that a line orders."""
    return json.dumps({"line": line}, ensure_ascii=False)
