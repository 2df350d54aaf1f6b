"""Mappings of dangerous actions to foreign tools: which tool carries one out, and with what arguments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bifang.core.configuration.entries import Entry, read_entry
from bifang.core.errors import BifangError, InvalidInput
from bifang.core.models import SystemConfig
from secops_agent.models.people.staff import RANK
from secops_agent.services.mcp.catalogue import find_ready, place_of
from secops_agent.services.mcp.definitions import NEEDED, ListedTool, ReadyTool
from secops_agent.services.mcp.schemas import check_arguments

# Action → what a tool may be given of it.
_OF_BLOCKS: Final = ("ip", "duration_minutes", "duration_seconds", "reason")
_OF_HOSTS: Final = ("asset", "asset_id", "address", "addresses", "reason")
GIVEN: Final[Mapping[str, tuple[str, ...]]] = {
    "block_ip": _OF_BLOCKS, "isolate_host": _OF_HOSTS, "unblock_ip": _OF_BLOCKS, "release_host": _OF_HOSTS,
    "wake_call": ("name", "staff_id", "text"),  # no action: how an escalation calls somebody through a gateway
}  # fmt: skip
# Action → the one that takes it back; it is given what the first one was given.
INVERSES: Final = {"block_ip": "unblock_ip", "isolate_host": "release_host"}
_AIMS: Final = ("ip", "asset", "address", "addresses")
_SHAPE: Final = (
    "应为映射，例如 {block_ip: {tool: block_address, arguments: {address: ip, minutes: duration_minutes}}}。"
)


class FixedValue(Entry):
    """The same for every action: a zone, a policy."""

    value: str | bool | int | float


class MappedAction(Entry):
    """``arguments``: the tool's parameter → what of the action it gets, or a `FixedValue`; ``lists``: the tool that tells all that
    is blocked."""

    tool: str
    arguments: dict[str, str | FixedValue]
    lists: str = ""

    def as_entry(self) -> dict[str, Any]:
        """As files and the configuration keep it."""
        return self.model_dump(exclude_defaults=True)


def read_mappings(entries: Any) -> dict[str, MappedAction]:
    """Action → what carries it out. Raises InvalidInput that names the action."""
    if not isinstance(entries, Mapping):
        raise InvalidInput(_SHAPE)
    return {str(name): _read(str(name), entry) for name, entry in entries.items()}


def _read(name: str, entry: Any) -> MappedAction:
    if name not in GIVEN:
        raise InvalidInput(f"没有名为「{name[:60]}」的危险操作；可用的有：{'、'.join(GIVEN)}。")
    if not isinstance(entry, Mapping):
        raise InvalidInput(_SHAPE)
    try:
        mapped = read_entry(MappedAction, entry)
    except InvalidInput as error:
        raise InvalidInput(f"{name}：{error.message}") from None
    unknown = [one for one in mapped.arguments.values() if isinstance(one, str) and one not in GIVEN[name]]
    if unknown:
        raise InvalidInput(
            f"{name} 没有「{unknown[0][:60]}」：可用的有 {'、'.join(GIVEN[name])}；固定的值写成 {{value: …}}。"
        )
    if mapped.lists and name != "block_ip":
        raise InvalidInput(f"{name} 不写 lists：它只用在 block_ip 里。")
    return mapped


def contradiction(mappings: Mapping[str, MappedAction], listed: Mapping[str, ListedTool]) -> str:
    """What is wrong with the mappings beside the classes of the tools; "" for nothing."""
    for name, mapped in mappings.items():
        tool = listed.get(mapped.tool)
        if tool is None or tool.classed == "read":
            able = "、".join(one for one, each in listed.items() if each.classed != "read") or "没有"
            return (
                f"{name} 的工具「{mapped.tool[:60]}」应在 tools 里列为 write 或 dangerous；列了的有：{able}。"
            )
        if RANK[tool.role] > RANK[NEEDED["dangerous"]]:
            return f"{name} 的工具「{mapped.tool[:60]}」只让「{tool.role.label}」以上的人用，而封禁、隔离由「处置」提出：请去掉它的 roles。"
        if mapped.lists and (mapped.lists not in listed or listed[mapped.lists].classed != "read"):
            return f"{name} 的 lists「{mapped.lists[:60]}」应在 tools 里列为 read。"
    return ""


def mapped_actions(config: SystemConfig) -> dict[str, MappedAction]:
    """What this service carries out of ours."""
    try:
        return read_mappings(config.params.get("actions") or {})
    except BifangError:
        return {}


def mapped_aim(config: SystemConfig, tool: str, given: Mapping[str, Any]) -> tuple[str, str] | None:
    """Which action of ours a call of a tool is that carries it out, and what it is aimed at; None for other tools."""
    for action, mapped in mapped_actions(config).items():
        aims = [
            name for name, source in mapped.arguments.items() if isinstance(source, str) and source in _AIMS
        ]
        if mapped.tool == tool and aims:
            return action, "、".join(_texts(given.get(aims[0], "")))
    return None


@dataclass(frozen=True, slots=True)
class MappedCall:
    """A tool that may be used now, with checked arguments; ``aims`` are what it is aimed at, as they should be seen afterwards."""

    tool: ReadyTool
    arguments: Mapping[str, Any]
    aims: tuple[str, ...]


def map_call(config: SystemConfig, action: str, arguments: Mapping[str, Any]) -> MappedCall:
    """The call that carries the action out. Raises NotFound, Conflict, InvalidInput with what stands in its way."""
    mapped = mapped_actions(config).get(action)
    if mapped is None:
        raise InvalidInput(f"{place_of(config)}不再负责这个操作（actions）。")
    tool, facts = find_ready(config.pk, mapped.tool), _facts(arguments)
    given = {
        name: source.value if isinstance(source, FixedValue) else facts[source]
        for name, source in mapped.arguments.items()
        if isinstance(source, FixedValue) or source in facts
    }
    try:
        check_arguments(tool.schema, given)
    except InvalidInput as error:
        raise InvalidInput(f"{tool.place}的工具「{tool.name}」不接受：{error.message}") from None
    aimed = [facts[one] for one in mapped.arguments.values() if one in _AIMS and one in facts]
    return MappedCall(tool, given, tuple(text for one in aimed for text in _texts(one)))


def map_inverse(config: SystemConfig, action: str, arguments: Mapping[str, Any]) -> MappedCall | None:
    """The call that takes the action back, if the service names one of its own for that."""
    inverse = INVERSES.get(action, "")
    return map_call(config, inverse, arguments) if inverse in mapped_actions(config) else None


def _facts(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What may be given; what was not said is left out, and so is the one address of a host that has several."""
    facts = {name: value for name, value in arguments.items() if value not in (None, "", [])}
    if "duration_minutes" in facts:
        facts["duration_seconds"] = int(facts["duration_minutes"]) * 60
    if len(facts.get("addresses", ())) == 1:
        facts["address"] = facts["addresses"][0]
    return facts


def _texts(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def misfit(action: str, mapped: MappedAction, schema: Mapping[str, Any]) -> str:
    """What is wrong with its arguments beside those of its tool; "" for nothing."""
    known, needed = schema["properties"], schema.get("required", [])
    if unknown := [name for name in mapped.arguments if name not in known]:
        return f"{action}：工具「{mapped.tool}」没有参数「{unknown[0][:60]}」，请改 actions；它的参数有：{'、'.join(known) or '没有'}。"
    if missing := [name for name in needed if name not in mapped.arguments]:
        return f"{action}：工具「{mapped.tool}」的参数「{missing[0]}」没有写在 actions 里。"
    return ""


def unlisting(action: str, mapped: MappedAction, schema: Mapping[str, Any]) -> str:
    """Why that tool cannot list all; "" if it can."""
    needed = schema.get("required")
    return (
        f"{action}：lists 的工具「{mapped.lists}」不带参数就要能列出全部，它要「{needed[0]}」。"
        if needed
        else ""
    )


def unfit(config: SystemConfig) -> str:
    """Why an action of ours could not be carried out now whatever it is aimed at; "" for nothing that is known."""
    for action, mapped in mapped_actions(config).items():
        try:
            tool = find_ready(config.pk, mapped.tool)
        except BifangError as error:
            return f"{action}：{error.message}"
        if told := misfit(action, mapped, tool.schema):
            return told
        if mapped.lists and (told := unlisting(action, mapped, find_ready(config.pk, mapped.lists).schema)):
            return told
    return ""
