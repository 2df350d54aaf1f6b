"""Catalogue of foreign tools: what each service offers beside what people listed, which may be used, why others may not.

An MCP server says itself what it offers, and a person looks at it; what HTTP tools do, a person wrote himself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from bifang.channels.text.visible import visible
from bifang.core.configuration.kinds import get_kind
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from secops_agent.models import McpCatalogue
from secops_agent.services.faults import Conflict, NotFound
from secops_agent.services.mcp import http, http_requests
from secops_agent.services.mcp.definitions import (
    FOR_MODEL,
    ListedTool,
    OfferedTool,
    ReadyTool,
    alias_of,
    from_row,
    read_listing,
)
from secops_agent.services.mcp.schemas import flatten

KIND: Final = "mcp"
KINDS: Final = (KIND, http.KIND)
State = Literal["off", "ready", "unseen", "changed", "gone", "invalid"]
STATES: Final[Mapping[str, str]] = {
    "off": "关闭", "ready": "可用", "unseen": "等待检查", "changed": "已变化，停用", "gone": "已消失", "invalid": "不能使用",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class KnownTool:
    """One tool, as it is listed, offered and was seen; ``why`` tells what stands in its way."""

    name: str
    state: State
    listed: ListedTool | None
    offered: OfferedTool | None
    seen: Mapping[str, Any]
    why: str = ""


def record(config_id: int, server: Mapping[str, Any], offered: Sequence[OfferedTool]) -> None:
    """Keep what a successful check found. What is listed and was never seen counts as seen now."""
    with transaction.atomic():
        config = SystemConfig.objects.filter(pk=config_id).first()
        if config is None:
            return
        row = _locked(config_id)
        listed, now = _listing(config), timezone.now()
        seen = {name: one for name, one in row.seen.items() if name in listed}
        for tool in offered:
            if tool.name in listed and tool.name not in seen and not tool.problem:
                seen[tool.name] = _pin(tool)
        row.server, row.offered, row.seen, row.checked_at = (
            dict(server),
            [one.as_row() for one in offered],
            seen,
            now,
        )
        row.save()


def _locked(config_id: int) -> McpCatalogue:
    rows = McpCatalogue.objects.filter(pk=config_id)
    row = (rows.select_for_update() if connection.features.has_select_for_update else rows).first()
    return row or McpCatalogue(config_id=config_id, checked_at=timezone.now())


def _pin(tool: OfferedTool) -> dict[str, Any]:
    at = timezone.now().isoformat()
    return {"digest": tool.digest, "description": tool.description, "schema": tool.schema, "at": at}


def see(config_id: int, name: str, digest: str) -> None:
    """Somebody looked at a tool as it is now. Raises NotFound, Conflict (it changed while they looked)."""
    with transaction.atomic():
        row = _locked(config_id)
        tool = next((one for one in map(from_row, row.offered) if one.name == name), None)
        if tool is None:
            raise NotFound(f"服务现在没有工具「{name}」。")
        if tool.digest != digest or tool.problem:
            raise Conflict(f"工具「{name}」刚刚又变了，或不能使用，没有启用。请重新查看。")
        row.seen = {**row.seen, name: _pin(tool)}
        row.save()


def known_tools(config: SystemConfig) -> list[KnownTool]:
    """Every tool that is listed or offered: those listed first."""
    if config.kind == http.KIND:
        return [_written(config, name, tool) for name, tool in http_tools(config).items()]
    row = McpCatalogue.objects.filter(pk=config.pk).first()
    offered = {one.name: one for one in map(from_row, row.offered)} if row else {}
    listed = _listing(config)
    names = dict.fromkeys([*listed, *offered])
    return [_known(name, listed.get(name), offered.get(name), row) for name in names]


def http_tools(config: SystemConfig) -> dict[str, http.HttpTool]:
    """Those that were written down, also what is off; none where they cannot be read any more."""
    try:
        return read_listing(config.params.get("tools") or {}, http.HttpTool)
    except BifangError:
        return {}


def _written(config: SystemConfig, name: str, tool: http.HttpTool) -> KnownTool:
    offered = tool.offered(name, str(config.params.get("base_url") or ""))
    if not tool.enabled:
        return KnownTool(name, "off", None, offered, {}, "没有启用（enabled: false），不能使用。")
    return KnownTool(name, "ready", tool, offered, {})


def reclassed(config: SystemConfig, name: str, entry: Mapping[str, Any] | None) -> dict[str, Any]:
    """The configuration's tools with what a page says of this one; None: it is off."""
    listing = dict(config.params.get("tools") or {})
    old = listing.pop(name, {})
    said = {"when": old["when"]} if isinstance(old, Mapping) and old.get("when") else {}
    entry = said | dict(entry) if entry and entry.get("class") == "read" else entry
    if config.kind == http.KIND:
        kept = {key: value for key, value in old.items() if key not in {"class", *ListedTool.model_fields}}
        return listing | {name: {**kept, **entry, "enabled": True} if entry else {**old, "enabled": False}}
    return listing | ({name: dict(entry)} if entry else {})


def _listing(config: SystemConfig) -> dict[str, ListedTool]:
    try:
        return read_listing(config.params.get("tools") or {}, ListedTool)
    except BifangError:
        return {}


def _known(
    name: str, listed: ListedTool | None, offered: OfferedTool | None, row: McpCatalogue | None
) -> KnownTool:
    seen = row.seen.get(name, {}) if row else {}
    state, why = _state(listed, offered, seen, checked=row is not None)
    return KnownTool(name, state, listed, offered, seen, why)


def _state(
    listed: ListedTool | None, offered: OfferedTool | None, seen: Mapping[str, Any], *, checked: bool
) -> tuple[State, str]:
    if offered is None:
        told = (
            "服务没有提供这个工具：名称写错了，或对方已经去掉。" if checked else "还没有成功连接过这个服务。"
        )
        return ("gone" if checked else "unseen"), told
    if offered.problem:
        return "invalid", offered.problem
    if listed is None:
        return "off", "没有列出，不能使用。"
    if not seen:
        return "unseen", "下一次检查时启用。"
    if seen["digest"] != offered.digest:
        return "changed", "名称、说明或参数和看过的不一样：看过以后才能再用。"
    return "ready", ""


def ready_tools() -> tuple[ReadyTool, ...]:
    """What may be used now, of all enabled services."""
    return tuple(tool for config in services() for tool in tools_of(config))


def services() -> "QuerySet[SystemConfig]":
    """The enabled configurations that offer tools, by id."""
    return SystemConfig.objects.current().filter(kind__in=KINDS, enabled=True).order_by("id")


def place_of(config: SystemConfig) -> str:
    """Kind and name of a service."""
    return f"{get_kind(config.kind).label}「{config.name}」"


def tools_of(config: SystemConfig) -> list[ReadyTool]:
    """What may be used now of one service; of two that a model could not tell apart, the first."""
    tools = [_ready(config, known) for known in known_tools(config) if known.state == "ready"]
    return list({tool.alias: tool for tool in reversed(tools)}.values())[::-1]


def _ready(config: SystemConfig, known: KnownTool) -> ReadyTool:
    assert known.listed is not None
    assert known.offered is not None
    listed, offered = known.listed, known.offered
    return ReadyTool(
        config.pk, config.name, known.name, alias_of(config.pk, config.name, known.name), listed.classed, listed.role_as(known.name),
        visible(offered.description)[:FOR_MODEL], offered.digest, listed.verify, listed.undo, flatten(offered.schema),
        listed.investigation, get_kind(config.kind).label, listed.when,
    )  # fmt: skip


def find_ready(config_id: int, name: str) -> ReadyTool:
    """One tool that may be used now. Raises NotFound, Conflict with the reason."""
    config = services().filter(pk=config_id).first()
    if config is None:
        raise NotFound("提供这个工具的服务已停用或归档。")
    known = next((one for one in known_tools(config) if one.name == name), None)
    if known is None:
        raise NotFound(f"{place_of(config)}没有工具「{name[:60]}」。")
    if known.state != "ready":
        raise Conflict(f"{place_of(config)}的工具「{name[:60]}」现在不能用：{known.why}")
    return _ready(config, known)


def shown_request(tool: ReadyTool, arguments: Mapping[str, Any]) -> str:
    """What is sent, exactly, of a tool that a person wrote; "" of one that a server made."""
    config = SystemConfig.objects.filter(pk=tool.config_id, kind=http.KIND).first()
    written = http_tools(config).get(tool.name) if config else None
    base = str(config.params.get("base_url")) if config else ""
    return http_requests.show(written, base, arguments) if written else ""


def protocol_of(config_id: int) -> str:
    """The form of the protocol that the server spoke last; "" if that is not known."""
    server = McpCatalogue.objects.filter(pk=config_id).values_list("server", flat=True).first() or {}
    return str(server.get("protocol") or "")
