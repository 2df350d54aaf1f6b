"""MCP tools (MCP 工具): pages of what each service offers, how people class it, and the form that orders one tool."""

import asyncio
import difflib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from bifang.channels.text.visible import visible
from bifang.core.admin.base import RecordScreen, ago, author_of, badge, cell, column, extra, moment, shortened
from bifang.core.changes import Change, record
from bifang.core.configuration import configs
from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.errors import BifangError, InvalidInput
from bifang.core.models import SystemConfig
from secops_agent.connectors.mcp.fields import CLASSES
from secops_agent.connectors.tool_caller import ServiceCaller
from secops_agent.models import McpCatalogue, Role, allows
from secops_agent.services.actors import Actor
from secops_agent.services.decisions.direct_requests import request_directly
from secops_agent.services.mcp import catalogue
from secops_agent.services.mcp.catalogue import STATES, KnownTool, known_tools
from secops_agent.services.mcp.definitions import ALERT_FIELDS, NEEDED, ReadyTool
from secops_agent.services.mcp.mappings import mapped_actions
from secops_agent.services.mcp.orders import CALL, McpOrder, line_of, order_of
from secops_agent.services.mcp.schemas import convert, flatten
from secops_agent.services.people.eligibility import account_of, demand_account

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


def tool_rows(config: SystemConfig) -> list[ToolRow]:
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


PAGES = "admin/secops_agent"
_CONFIGURE = "core.change_systemconfig"


@admin.register(McpCatalogue)
class McpScreen(RecordScreen):
    """One row a service that was reached; its page lists the tools, a tool's page classes and orders it."""

    purpose = "公司自己的 MCP 服务和 HTTP 工具。没有分类的都是关闭的：打开一个服务，看过工具的说明，再决定只读、写入还是危险。"
    when_empty = "还没有连接过 MCP 服务。在系统配置里新增一个「MCP 服务」或「HTTP 工具」，保存后按「测试」，它的工具几秒后出现在这里。"
    way = ("core.systemconfig", "系统配置")
    list_display = ("config", "found", "troubled", "checked")
    list_select_related = ("config",)

    @admin.display(description="工具")
    def found(self, row: McpCatalogue) -> SafeString:
        """How many there are in each state."""
        counted: Counter[str] = Counter(tool.state for tool in catalogue.known_tools(row.config))
        told = (
            (badge(f"{catalogue.STATES[state]} {counted[state]}", TONES[state]),)
            for state in catalogue.STATES
            if counted[state]
        )
        return format_html_join(" ", "{}", told) or badge("没有工具", "idle")

    troubled = cell("最近的问题", lambda row: shortened(row.config.last_error, 60))

    checked = column("checked_at", "检查时间", ago, ordering="checked_at")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The tools of one service."""
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        return self._page(
            request,
            "mcp_service.html",
            title=catalogue.place_of(row.config),
            tools=table(request, row.config),
            config=row.config,
        )

    def _page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self.page(request, f"{PAGES}/{template}", **context)

    # One tool

    @extra("<int:config_id>/tool/", need="")
    def tool_view(self, request: HttpRequest, config_id: int) -> HttpResponse:
        """GET ``name``: the tool. POST ``act``: class (set its class, having seen it), order (carry it out)."""
        config = SystemConfig.objects.current().filter(kind__in=catalogue.KINDS, pk=config_id).first()
        name = request.GET.get("name", "")
        tool = (
            next((one for one in catalogue.known_tools(config) if one.name == name), None) if config else None
        )
        if config is None or tool is None or not self.has_view_permission(request):
            raise Http404
        act = request.POST.get("act", "")
        try:
            if act == "class":
                return self._classify(request, config, tool)
            if act == "order":
                return self._order(request, config, tool)
        except (BifangError, configs.FieldErrors) as error:
            messages.error(request, str(error))
        return self._tool_page(request, config, tool)

    def _tool_page(
        self, request: HttpRequest, config: SystemConfig, tool: catalogue.KnownTool, answer: str = ""
    ) -> HttpResponse:
        ready = next((one for one in catalogue.tools_of(config) if one.name == tool.name), None)
        may_order = ready is not None and _may(request, ready.role) and config.enabled
        return self._page(
            request, "mcp_tool.html", title=f"{config}：{tool.name}", config=config, tool=tool, row=row_of(tool, config),
            schema=revealed(pretty(tool.offered.schema)) if tool.offered else "",
            choices=self._choices(request, config, tool), ready=ready, free=request.user.is_superuser,
            boxes=boxes(ready, request.POST) if ready and may_order else None, answer=answer,
            line=line_of(ready) if ready else "", may_order=may_order,
        )  # fmt: skip

    def _choices(
        self, request: HttpRequest, config: SystemConfig, tool: catalogue.KnownTool
    ) -> dict[str, Any] | None:
        """What the person at the keyboard may class it as; a tool that is off is opened by superusers."""
        superuser = request.user.is_superuser
        may = superuser or (tool.listed is not None and request.user.has_perm(_CONFIGURE))
        return class_choices(config, tool, free=superuser) if may else None

    def _classify(
        self, request: HttpRequest, config: SystemConfig, tool: catalogue.KnownTool
    ) -> HttpResponse:
        if not request.user.has_perm(_CONFIGURE):
            raise PermissionDenied
        entry, author = entry_of(request.POST), author_of(request)
        wanted = catalogue.reclassed(config, tool.name, entry)
        with transaction.atomic():
            configs.save(
                config.kind, config.name, config.enabled, {"tools": wanted}, config=config, author=author
            )
            if (
                entry and author.superuser and config.kind == catalogue.KIND
            ):  # whoever has seen a tool that changed opens it again
                digest = request.POST.get("digest", "")
                catalogue.see(config.pk, tool.name, digest)
                detail = {"tool": tool.name, "digest": digest}
                record(Change(author, f"看过 MCP 工具「{tool.name}」"[:60], f"config:{config.pk}", detail))
        done = "已启用" if entry and author.superuser else "的分类已保存" if entry else "已关闭"
        messages.success(request, f"工具「{tool.name}」{done}，几秒内生效。")
        return redirect(address(config, tool.name))

    def _order(self, request: HttpRequest, config: SystemConfig, tool: catalogue.KnownTool) -> HttpResponse:
        ready = catalogue.find_ready(config.pk, tool.name)
        if not _may(request, ready.role):
            raise InvalidInput(f"执行这个工具需要「{ready.role.label}」角色。")
        order = order_of(config.pk, tool.name, convert(ready.schema, typed(ready, request.POST)))
        if ready.risk == "read":
            return self._tool_page(request, config, tool, asyncio.run(_read(order)))
        account = demand_account(request.user.pk)
        actor = Actor.person(account, "admin")
        proposal = request_directly(
            account, actor, CALL, order.title, ready.risk, order.stored(), order.summary
        )
        messages.success(request, f"已提出（{proposal.code}），还没有执行。")
        return redirect("web:approval", proposal.pk)


async def _read(order: McpOrder) -> str:
    caller = ServiceCaller(ConfigCache())
    try:
        answered = await caller.call(order.tool, order.arguments)
    finally:
        await caller.close()
    return f"没有成功：{answered.text}" if answered.failed else answered.text or "对方没有返回内容。"


def _may(request: HttpRequest, role: Any) -> bool:
    """Does the person at the keyboard have the role?"""
    account = account_of(request.user.pk)
    return account is not None and allows(account.role, role)


def address(config: SystemConfig, tool: str) -> str:
    """Of the page of a tool."""
    place = reverse("admin:secops_agent_mcpcatalogue_tool", args=[config.pk])
    return f"{place}?{urlencode({'name': tool})}"


def table(request: HttpRequest, config: SystemConfig) -> SafeString:
    """The tools of a service."""
    linked = request.user.has_perm("secops_agent.view_mcpcatalogue")
    rows = [(row, address(config, row.name) if linked else "") for row in tool_rows(config)]
    catalogued = McpCatalogue.objects.filter(pk=config.pk).first()
    context = {
        "rows": rows,
        "catalogue": catalogued,
        "checked": moment(catalogued.checked_at) if catalogued else "",
    }
    return render_to_string(f"{PAGES}/mcp_tools.html", context)
