"""MCP 工具: what each service offers, what people class it as, and ordering one of its tools from a page."""

import asyncio
from collections import Counter
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from bifang.core.admin.base import RecordScreen, ago, author_of, badge, moment, shortened
from bifang.core.changes import Change, record
from bifang.core.configuration import configs
from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.errors import BifangError, InvalidInput
from bifang.core.models import SystemConfig
from secops_agent.admin.automation import mcp_forms
from secops_agent.connectors.mcp.caller import McpCaller
from secops_agent.models import McpCatalogue, allows
from secops_agent.services.actors import Actor
from secops_agent.services.decisions.direct_requests import request_directly
from secops_agent.services.mcp import catalogue
from secops_agent.services.mcp.orders import CALL, McpOrder, line_of, order_of
from secops_agent.services.mcp.schemas import convert
from secops_agent.services.people.eligibility import account_of, demand_account

PAGES = "admin/secops_agent"
_CONFIGURE = "core.change_systemconfig"


@admin.register(McpCatalogue)
class McpScreen(RecordScreen):
    """One row a service that was reached; its page lists the tools, a tool's page classes and orders it."""

    purpose = "公司自己的 MCP 服务提供的工具。没有分类的都是关闭的：打开一个服务，看过工具的说明，再决定只读、写入还是危险。"
    when_empty = "还没有连接过 MCP 服务。在系统配置里新增一个「MCP 服务」，保存后按「测试」，它的工具几秒后出现在这里。"
    way = ("core.systemconfig", "系统配置")
    list_display = ("config", "found", "troubled", "checked")
    list_select_related = ("config",)

    @admin.display(description="工具")
    def found(self, row: McpCatalogue) -> SafeString:
        """How many there are in each state."""
        counted: Counter[str] = Counter(tool.state for tool in catalogue.known_tools(row.config))
        told = (
            (badge(f"{catalogue.STATES[state]} {counted[state]}", mcp_forms.TONES[state]),)
            for state in catalogue.STATES
            if counted[state]
        )
        return format_html_join(" ", "{}", told) or badge("没有工具", "idle")

    @admin.display(description="最近的问题")
    def troubled(self, row: McpCatalogue) -> SafeString | str:
        """Why it cannot be reached, with the remedy."""
        return shortened(row.config.last_error, 60)

    @admin.display(description="检查时间", ordering="checked_at")
    def checked(self, row: McpCatalogue) -> SafeString | str:
        """When it last answered."""
        return ago(row.checked_at)

    def get_urls(self) -> list[URLPattern]:
        """With the page of one tool."""
        view = self.admin_site.admin_view(self.tool_view)
        return [
            path("<int:config_id>/tool/", view, name="secops_agent_mcpcatalogue_tool"),
            *super().get_urls(),
        ]

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
            title=f"MCP 服务「{row}」",
            tools=table(request, row.config),
            config=row.config,
        )

    def _page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        whole = {**self.admin_site.each_context(request), "opts": self.opts, **context}
        return TemplateResponse(request, f"{PAGES}/{template}", whole)

    # One tool

    def tool_view(self, request: HttpRequest, config_id: int) -> HttpResponse:
        """GET ``name``: the tool. POST ``act``: class (set its class, having seen it), order (carry it out)."""
        config = SystemConfig.objects.current().filter(kind=catalogue.KIND, pk=config_id).first()
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
            request, "mcp_tool.html", title=f"{config}：{tool.name}", config=config, tool=tool, row=mcp_forms.row_of(tool, config),
            schema=mcp_forms.revealed(mcp_forms.pretty(tool.offered.schema)) if tool.offered else "",
            choices=self._choices(request, config, tool), ready=ready, free=request.user.is_superuser,
            boxes=mcp_forms.boxes(ready, request.POST) if ready and may_order else None, answer=answer,
            line=line_of(ready) if ready else "", may_order=may_order,
        )  # fmt: skip

    def _choices(
        self, request: HttpRequest, config: SystemConfig, tool: catalogue.KnownTool
    ) -> dict[str, Any] | None:
        """What the person at the keyboard may class it as; a tool that is off is opened by superusers."""
        superuser = request.user.is_superuser
        may = superuser or (tool.listed is not None and request.user.has_perm(_CONFIGURE))
        return mcp_forms.class_choices(config, tool, free=superuser) if may else None

    def _classify(
        self, request: HttpRequest, config: SystemConfig, tool: catalogue.KnownTool
    ) -> HttpResponse:
        if not request.user.has_perm(_CONFIGURE):
            raise PermissionDenied
        entry, author = mcp_forms.entry_of(request.POST), author_of(request)
        listing = {name: one for name, one in (config.params.get("tools") or {}).items() if name != tool.name}
        wanted = listing | ({tool.name: entry} if entry else {})
        with transaction.atomic():
            configs.save(
                config.kind, config.name, config.enabled, {"tools": wanted}, config=config, author=author
            )
            if entry and author.superuser:  # whoever has seen a tool that changed opens it again
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
        order = order_of(config.pk, tool.name, convert(ready.schema, mcp_forms.typed(ready, request.POST)))
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
    caller = McpCaller(ConfigCache())
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
    rows = [(row, address(config, row.name) if linked else "") for row in mcp_forms.rows(config)]
    catalogued = McpCatalogue.objects.filter(pk=config.pk).first()
    context = {
        "rows": rows,
        "catalogue": catalogued,
        "checked": moment(catalogued.checked_at) if catalogued else "",
    }
    return render_to_string(f"{PAGES}/mcp_tools.html", context)
