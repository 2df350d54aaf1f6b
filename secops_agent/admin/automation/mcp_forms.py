"""What the pages of MCP tools show: a tool beside what was seen of it, its class, and a form made from its schema."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.safestring import SafeString

from bifang.channels.text.visible import visible
from bifang.core.admin.base import badge
from bifang.core.models import SystemConfig
from secops_agent.connectors.mcp.fields import CLASSES
from secops_agent.models import Role
from secops_agent.services.mcp.catalogue import STATES, KnownTool, known_tools
from secops_agent.services.mcp.definitions import ALERT_FIELDS, NEEDED, ReadyTool
from secops_agent.services.mcp.mappings import mapped_actions
from secops_agent.services.mcp.schemas import flatten

TONES: Final = {
    "ready": "ok",
    "off": "idle",
    "unseen": "info",
    "changed": "warn",
    "gone": "bad",
    "invalid": "bad",
}
_MOST_LINES: Final = 400


@dataclass(frozen=True, slots=True)
class ToolRow:
    """One line of the table."""

    name: str
    state: SafeString
    why: str
    classed: str
    role: str
    hints: str
    told: str
    links: str
    hides: bool
    difference: list[tuple[str, str]]


def rows(config: SystemConfig) -> list[ToolRow]:
    """Every tool, those listed first."""
    return [row_of(tool, config) for tool in known_tools(config)]


def row_of(tool: KnownTool, config: SystemConfig) -> ToolRow:
    """One tool for the table."""
    listed, offered = tool.listed, tool.offered
    links = (
        [f"核实：{listed.verify}"] * bool(listed.verify)
        + [f"撤销：{listed.undo}"] * bool(listed.undo)
        + ["用于自动调查"] * bool(listed.investigation)
        if listed
        else []
    )
    links += [f"执行：{action}" for action, one in mapped_actions(config).items() if one.tool == tool.name]
    return ToolRow(
        tool.name, badge(STATES[tool.state], TONES[tool.state]), tool.why, CLASSES[listed.classed] if listed else "",
        str(listed.role.label) if listed else "", "、".join(offered.hints) if offered else "",
        revealed(offered.description) if offered else "", "，".join(links), offered.hides if offered else False,
        difference(tool) if tool.state == "changed" else [],
    )  # fmt: skip


def revealed(text: str) -> str:
    """A stranger's text with what nobody sees spelt out."""
    return "".join(
        one if one in "\n\t " or visible(one) == one else f"⟨U+{ord(one):04X}⟩"
        for one in text.replace("\r\n", "\n")
    )


def difference(tool: KnownTool) -> list[tuple[str, str]]:
    """Lines of what was seen and what there is now, each with its tone."""
    assert tool.offered is not None
    old = _lines(str(tool.seen.get("description", "")), tool.seen.get("schema"))
    new = _lines(tool.offered.description, tool.offered.schema)
    told = {"-": "bad", "+": "ok", " ": "idle"}
    found = [
        (told[line[0]], revealed(line))
        for line in difflib.unified_diff(old, new, lineterm="", n=2)
        if line[:2] not in ("--", "++", "@@") and line[:1] in told
    ]
    return found[:_MOST_LINES] or [("idle", "内容在保存的部分里相同，但摘要不同：改动在说明的 4000 字以后。")]


def _lines(description: str, schema: Any) -> list[str]:
    return [*(f"说明：{line}" for line in description.splitlines()), *pretty(schema).splitlines()]


def pretty(schema: Any) -> str:
    """A schema, indented."""
    return json.dumps(schema, ensure_ascii=False, indent=2, sort_keys=True)


def class_choices(config: SystemConfig, tool: KnownTool, *, free: bool) -> dict[str, Any]:
    """What the form of a tool's class offers; not ``free``: as it is, graver, or off."""
    listed = tool.listed
    given: Mapping[str, str] = listed.investigation if listed else {}
    others = [one for one in known_tools(config) if one.listed is not None and one.name != tool.name]
    readers = [one.name for one in others if one.listed and one.listed.classed == "read"]
    changers = [one.name for one in others if one.listed and one.listed.classed != "read"]
    return {
        "classes": [("", "关闭"), *((name, f"{word}（{_how(name)}）") for name, word in _classes(tool, free=free))],
        "roles": [("", "按分类的默认"), *((role.value, f"{role.label}及以上") for role in Role if role != Role.NONE)],
        "readers": readers, "changers": changers, "classed": listed.classed if listed else "",
        "role": min(listed.roles, default="") if listed else "", "verify": listed.verify if listed else "",
        "undo": listed.undo if listed else "", "fields": ALERT_FIELDS.items(),
        "filled": [(name, given.get(name, "")) for name in _parameters(tool)],
    }  # fmt: skip


def _classes(tool: KnownTool, *, free: bool) -> Iterator[tuple[str, str]]:
    for name, word in CLASSES.items():
        wanted = tool.listed.model_copy(update={"classed": name}) if tool.listed else None
        if free or (wanted is not None and not wanted.eases(tool.listed)):
            yield name, word


def _parameters(tool: KnownTool) -> list[str]:
    """The names of its parameters, while it may be used."""
    offered = tool.offered
    return [] if offered is None or offered.problem else list(flatten(offered.schema)["properties"])


def _how(classed: str) -> str:
    how = {"read": "模型可以用", "write": "本人确认后执行", "dangerous": "另一位审批人同意后执行"}
    return f"{how[classed]}，至少「{NEEDED[classed].label}」"


def entry_of(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the form says of the tool; None: it is off."""
    given = {name: str(data.get(name) or "") for name in ("class", "role", "verify", "undo")}
    if not given["class"]:
        return None
    reads = given["class"] == "read"
    found = {"class": given["class"], "roles": [given["role"]] if given["role"] else []}
    filled = {
        name.removeprefix("from:"): str(data[name])
        for name in data
        if name.startswith("from:") and data[name]
    }
    return (
        found | {"investigation": filled}
        if reads
        else found | {"verify": given["verify"], "undo": given["undo"]}
    )


@dataclass(frozen=True, slots=True)
class Box:
    """One parameter of the form."""

    name: str
    told: str
    needed: bool
    value: str
    choices: list[str] = field(default_factory=list)


def boxes(tool: ReadyTool, data: Mapping[str, Any]) -> list[Box]:
    """The parameters, those that are needed first."""
    return sorted(_boxes(tool, data), key=lambda box: not box.needed)


def _boxes(tool: ReadyTool, data: Mapping[str, Any]) -> Iterator[Box]:
    needed = set(tool.schema.get("required", []))
    for name, one in tool.schema["properties"].items():
        schema = one if isinstance(one, dict) else {}
        choices = [str(value) for value in schema.get("enum", []) if isinstance(value, str)]
        if schema.get("type") == "boolean":
            choices = ["true", "false"]
        yield Box(
            name,
            str(schema.get("description", "")),
            name in needed,
            str(data.get(f"arg:{name}", "")),
            choices,
        )


def typed(tool: ReadyTool, data: Mapping[str, Any]) -> dict[str, str]:
    """What was typed into the boxes; an empty one says nothing."""
    found = {name: str(data.get(f"arg:{name}") or "").strip() for name in tool.schema["properties"]}
    return {name: re.sub(r"\r\n?", "\n", visible(text)) for name, text in found.items() if text}
