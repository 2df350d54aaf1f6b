"""Orders of foreign tools: the exact line that is typed, the form that is stored, the words that are shown."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bifang.channels.text.markup import literal
from bifang.channels.text.visible import visible
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent.models.people.staff import Role
from secops_agent.services.faults import Conflict
from secops_agent.services.mcp.catalogue import find_ready, ready_tools, services, shown_request
from secops_agent.services.mcp.definitions import ReadyTool
from secops_agent.services.mcp.schemas import check_arguments, convert, usage

CALL: Final = "call_mcp_tool"  # the tool of proposals for foreign tools; no model and no grammar can call it
COMMAND: Final = "/执行"
_SHOWN: Final = 300
_PAIR: Final = re.compile(
    r"\s*(?P<name>[^\s=\"'“”{}]{1,64})\s*=\s*"
    r"(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|“(?P<wide>[^”]*)”|(?P<bare>[^\s\"'“”]\S*))(?=\s|$)"
)


@dataclass(frozen=True, slots=True)
class McpOrder:
    """A tool with checked arguments."""

    tool: ReadyTool
    arguments: Mapping[str, Any]

    @property
    def title(self) -> str:
        """Short."""
        return f"{self.tool.service}：{self.tool.name}"

    @property
    def said(self) -> str:
        """The arguments in one line."""
        return "，".join(f"{name}={_shown(value)}" for name, value in self.arguments.items()) or "无参数"

    @property
    def summary(self) -> str:
        """For whoever decides: exactly what is called."""
        lines = "".join(f"\n- {literal(name)} = {_shown(value)}" for name, value in self.arguments.items())
        sent = shown_request(self.tool, self.arguments)
        lines += f"\n- 发出的请求：{literal(visible(sent))}" if sent else ""
        return (
            f"在 {literal(self.tool.place)}执行 `{self.tool.name}`{'：' if lines else '，没有参数'}\n{lines}"
        )

    def stored(self) -> dict[str, Any]:
        """As a proposal keeps it; ``pin`` is of the tool that was looked at."""
        tool = self.tool
        return {
            "config": tool.config_id, "service": tool.service, "tool": tool.name, "class": tool.risk,
            "role": tool.role.value, "pin": tool.pin, "arguments": dict(self.arguments),
        }  # fmt: skip


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return literal(visible(text).replace("\n", " "))[:_SHOWN]


def read_line(line: str) -> McpOrder:
    """``服务 工具 名称=值 …`` as it was typed. Raises InvalidInput, NotFound, Conflict, each with what to write."""
    line = visible(line).strip()
    service, rest = _service_of(line)
    name, _, words = rest.partition(" ")
    if not name:
        tools = "、".join(tool.name for tool in ready_tools() if tool.config_id == service.pk)
        raise InvalidInput(f"请写明用「{service.name}」的哪个工具：{tools or '现在没有可用的'}。")
    tool = find_ready(service.pk, name)
    try:
        given = _read_arguments(tool, words.strip())
        check_arguments(tool.schema, given)
    except InvalidInput as error:
        raise InvalidInput(f"{error.message}\n\n用法：`{line_of(tool)}`") from None
    return McpOrder(tool, given)


def line_of(tool: ReadyTool) -> str:
    """How the tool is ordered."""
    return f"{COMMAND} {tool.service} {tool.name} {usage(tool.schema)}".rstrip()


def _service_of(line: str) -> tuple[SystemConfig, str]:
    known = sorted(services(), key=lambda row: len(row.name), reverse=True)
    for service in known:
        name = " ".join(service.name.split())
        if line == name or line.startswith(f"{name} "):
            return service, line[len(name) :].strip()
    names = "、".join(service.name for service in known)
    told = f"可用的有：{names}。" if names else "管理员还没有添加 MCP 服务或 HTTP 工具。"
    raise InvalidInput(f"没有名为「{line.partition(' ')[0][:60]}」的服务。{told}")


def _read_arguments(tool: ReadyTool, words: str) -> dict[str, Any]:
    if words.startswith("{"):
        try:
            found = json.loads(words)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise InvalidInput("参数不是合法的 JSON 对象。")
        return found
    return convert(tool.schema, pairs_in(words))


def pairs_in(words: str) -> dict[str, str]:
    """Of ``name=value name="two words"``. Raises InvalidInput."""
    texts: dict[str, str] = {}
    at = 0
    while at < len(words):
        match = _PAIR.match(words, at)
        if match is None:
            raise InvalidInput(f"看不懂「{words[at:].strip()[:60]}」：参数写成 名称=值，值里有空格时加引号。")
        if match["name"] in texts:
            raise InvalidInput(f"参数「{match['name']}」写了两次。")
        texts[match["name"]] = next(
            part for part in match.group("double", "single", "wide", "bare") if part is not None
        )
        at = match.end()
    return texts


def order_of(config_id: int, tool_name: str, arguments: Mapping[str, Any]) -> McpOrder:
    """From a form. Raises InvalidInput, NotFound, Conflict."""
    tool = find_ready(config_id, tool_name)
    check_arguments(tool.schema, arguments)
    return McpOrder(tool, arguments)


def recheck(stored: Mapping[str, Any]) -> McpOrder:
    """What was decided about is still that. Raises InvalidInput, NotFound, Conflict."""
    order = order_of(int(stored["config"]), str(stored["tool"]), stored["arguments"])
    if order.tool.pin != stored["pin"] or order.tool.risk != stored["class"]:
        raise Conflict(f"工具「{order.tool.name}」在提出之后变了，没有执行。需要的话请核对后重新提出。")
    return order


UNDO: Final = "mcp:"  # before the tool that takes an action back, and what it is given


def undo_note(tool: str, given: Mapping[str, Any]) -> str:
    """What an action keeps to be taken back by."""
    return f"{UNDO}{json.dumps([tool, dict(given)])}"


def order_to_undo(note: str, config_id: int) -> McpOrder:
    """The call that takes an action back, as the action noted it. Raises InvalidInput, NotFound, Conflict."""
    name, given = json.loads(note.removeprefix(UNDO))
    tool = find_ready(config_id, name)
    return McpOrder(tool, narrowed(tool, given))


def needed_role(tool: str, arguments: Mapping[str, Any], usual: Role) -> Role:
    """Who may ask for it: for a foreign tool, what a person said of it."""
    return Role(arguments["role"]) if tool == CALL else usual


def narrowed(tool: ReadyTool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those of another tool's arguments that this one takes. Raises InvalidInput if they do not do."""
    given = {name: value for name, value in arguments.items() if name in tool.schema["properties"]}
    check_arguments(tool.schema, given)
    return given
