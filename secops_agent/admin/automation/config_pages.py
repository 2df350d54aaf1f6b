"""Pages of models, MCP services and connectors: how each is tried, whether what it sends leaves the company, what is still to be done."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join

from bifang.core.admin.kind_pages import KIND_PAGES, Fact, KindPage, Live
from bifang.core.admin.panels import Step
from bifang.core.admin.trying import Checkup, Part
from bifang.core.configuration import config_rules, configs
from bifang.core.configuration.kinds import get_kind
from bifang.core.configuration.trials import (
    COMPLETE,
    CheckStep,
    Destination,
    Failure,
    Skip,
    Tryout,
    in_thread,
)
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from bifang.core.outbound.airgap import Whereabouts, is_airgapped
from bifang.core.outbound.reach import REACH
from secops_agent.admin.automation import mcp
from secops_agent.admin.sources.pulls import progress
from secops_agent.connectors.tool_checks import check, visit
from secops_agent.llm.probe import Probe, probe_server, probe_tools
from secops_agent.llm.qwen import Qwen
from secops_agent.llm.qwen_session import close_sessions
from secops_agent.models import McpCatalogue
from secops_agent.services.chats import platforms
from secops_agent.services.decisions import carriers
from secops_agent.services.mcp import catalogue, http, mappings
from secops_agent.services.operations.destinations import LEAVES, destination_of

_TONES = {"yes": "warn", "no": "ok", "unknown": "warn"}


def look(configs: Sequence[SystemConfig]) -> Mapping[int, Live]:
    """By the address each one sends to; what fails now is told first."""
    return {config.pk: _look_at(config) for config in configs}


def _look_at(config: SystemConfig) -> Live:
    place = destination_of(config)
    text, tone = LEAVES[place.leaves], _TONES[place.leaves]
    runs = bool(config.params.get("command"))
    detail = _of_program(place) if runs else _of_address(place)
    if is_airgapped() and place.leaves == ("unknown" if runs else "yes"):
        told = "没有写 airgapped_ok，不会启动" if runs else f"{place.host} 在公司外，不会连接"
        text, tone, detail = "气隙模式下不可用", "bad", told
    elif config.last_error:
        text, tone = "最近一次出错", "bad"
    return Live(text, tone, detail, config.last_error, config.last_error_at)


def _of_address(place: Whereabouts) -> str:
    return f"发往 {place.host}" if place.leaves != "unknown" else f"查不到 {place.host} 的地址"


def _of_program(place: Whereabouts) -> str:
    if place.leaves == "no":
        return f"本机的程序 {place.host}，运维声明它只连接内网（airgapped_ok）"
    return f"本机的程序 {place.host} 自己决定连接哪里"


PROBE_S = 65.0  # the probe's own limit, and a little
VISIT_S = 45.0
_PROGRAM = "请运维在本机以运行毕方的用户执行一次同样的命令，看它报什么错；改好文件后再执行 apply_configs。"
CLASSIFY = "在这一页下面的工具列表里，给要用的工具选类别（只读、写入、危险）；没有选的都不会用。"


class QwenTrial(Tryout):
    """A model of DashScope."""

    @property
    def destination(self) -> Destination:
        return Destination(self.ready.address, self.ready.proxy)


class ServerTrial(Tryout):
    """A model server of the company's own."""

    @property
    def destination(self) -> Destination:
        return Destination(self.ready.base_url, self.ready.proxy, self.ready.ca)


class ConnectorTrial(Tryout):
    """Where approved actions go."""

    @property
    def destination(self) -> Destination:
        return Destination(self.ready.url, self.ready.proxy)


class HttpTrial(ServerTrial):
    """A REST API."""


class McpTrial(Tryout):
    """An MCP server."""

    @property
    def destination(self) -> Destination:
        if self.ready.command:
            raise Skip("本机的程序，不经过网络")
        return Destination(self.ready.url, self.ready.proxy, self.ready.ca)

    def describe(self) -> str:
        return f"启动 {self.ready.command[0]}" if self.ready.command else Tryout.describe(self)


async def ask_qwen(trial: Tryout) -> str:
    """One question with a tool call."""
    try:
        return _told(await probe_tools(Qwen(trial.ready)))
    finally:
        await close_sessions()


async def ask_server(trial: Tryout) -> str:
    """What the server offers, and one question with a tool call. Fills in ``offers``."""
    settings = trial.ready
    found = await probe_server(settings)
    offers: dict[str, Sequence[Any]] = {"model": [name for name in found.models if name != settings.model]}
    if found.window and found.window != settings.context_window:
        offers["context_window"] = [found.window]
    if found.outcome == "no_tools" and settings.tool_calls != "none":
        offers["tool_calls"] = ["json", "none"] if settings.tool_calls == "native" else ["none"]
    trial.offers = {name: values for name, values in offers.items() if values}
    return _told(found)


_REMEDIES = {
    "refused": "核对 API Key 和模型名；测试结果下面列出服务提供的模型时，点一个填入再测。",
    "unreachable": "核对接口地址，确认模型服务在运行、没有过载；再测一次。",
    "no_tools": "按上面的原因改服务的启动参数或换模型，再测一次。",
}


def _told(found: Probe) -> str:
    if found.outcome != "ok":
        raise Failure(found.text, _REMEDIES[found.outcome])
    return found.text


async def list_tools(trial: Tryout) -> str:
    """Connects and lists the tools, calling none. What was found is kept if it belongs to what is stored."""
    try:
        if trial.stored:
            found = await check(trial.ready)
            return f"连接成功（协议 {found.protocol}），服务提供 {found.count} 个工具"
        about, offered = await visit(trial.ready)
    except BifangError as error:
        if trial.ready.command:
            raise Failure(error.message, _PROGRAM) from None
        raise
    return f"连接成功（协议 {about.get('protocol')}），服务提供 {len(offered)} 个工具"


async def check_tools(trial: Tryout) -> str:
    """How many of them may be used."""
    if not trial.stored:
        raise Skip("保存后再给要用的工具分类")
    known = await in_thread(lambda: catalogue.known_tools(trial.row))
    if unfit := await in_thread(lambda: mappings.unfit(trial.row)):
        raise Failure(f"负责的危险操作现在不能执行：{unfit}")
    ready = sum(tool.state == "ready" for tool in known)
    shut = [tool.name for tool in known if tool.listed and tool.state in ("changed", "gone", "invalid")]
    if shut:
        raise Failure(f"{ready} 个可用；列出的工具中 {'、'.join(shut[:5])} 已停用。")
    if not ready:
        raise Skip(f"还没有可用的工具。{CLASSIFY}")
    return f"{ready} 个可用"


def _parts(*steps: CheckStep[Any]) -> Sequence[Part]:
    return [("", (COMPLETE, *REACH, *steps))]


_ASKED: CheckStep[Any] = CheckStep("model", "模型与工具调用", ask_server, "", ("tls",), PROBE_S, "api_key")
_ASKS = "逐步检查网络，再向模型问一句话并调用一次工具（几百 token）。"
_LISTED: CheckStep[Any] = CheckStep(
    "tools", "取回工具列表", list_tools, "核对服务地址（通常以 /mcp 结尾）和请求头里的令牌，确认服务在运行。", ("tls",), VISIT_S,
)  # fmt: skip
_USABLE: CheckStep[Any] = CheckStep(
    "usable",
    "可用的工具",
    check_tools,
    "在这一页下面的工具列表里查看每个工具停用的原因，看过后重新启用。",
    ("tools",),
)
_WRITTEN: CheckStep[Any] = replace(_USABLE, remedy="在「工具」里改正写法。", needs=("tls",))


def model_guide(request: HttpRequest, config: SystemConfig) -> Iterable[Step]:
    """Chosen, switched on, and linked by somebody."""
    robot = SystemConfig.objects.chats().filter(enabled=True).first()
    place = reverse("admin:core_systemconfig_models" if robot else "admin:core_systemconfig_add")
    pick = "按「测试连接」，从服务提供的模型里点一个填入，再保存。"
    yield Step("选择模型", pick, bool(config.params.get("model")))
    yield Step("启用这个配置", "打开上面的「启用」再保存。", config.enabled)
    broken = f"{config.last_error} 改好再保存，会自动再测一次。也可以先选用它：在那以前由备用的模型、再由离线模式回答。"
    yield Step("通过测试", broken, not config.last_error, place)
    where = f"在「换模型」里给「{robot}」选它" if robot else f"先添加{platforms()}配置"
    text = f"模型要有聊天配置选用才会回答：{where}。"
    yield Step("在聊天配置里选用它", text, bool(configs.users_of(config)), place)


def service_guide(request: HttpRequest, config: SystemConfig) -> Iterable[Step]:
    """Switched on, visited, and classed."""
    yield Step("启用这个配置", "打开「启用」再保存。", config.enabled)
    visited = McpCatalogue.objects.filter(pk=config.pk).exists()
    text = "按「测试连接」，或等几秒：运行中的 Stream 推送服务会自动去取。"
    yield Step("取回工具列表", text, visited)
    ready = any(tool.state == "ready" for tool in catalogue.known_tools(config))
    yield Step("给工具分类", CLASSIFY, ready)


def users(request: HttpRequest, config: SystemConfig) -> Sequence[Fact]:
    """Who asks this model."""
    rows = configs.users_of(config)
    places = ((reverse("admin:core_systemconfig_change", args=[row.pk]), row.name) for row in rows)
    return [
        ("选用它的配置", format_html_join("、", '<a class="bf-link" href="{}">{}</a>', places) or "还没有")
    ]


def program(request: HttpRequest, config: SystemConfig) -> Sequence[Fact]:
    """What is run, of a service that is a program; pages show it and do not change it."""
    values, _ = configs.values_of(config)
    if not values["command"]:
        return []
    fields = [(name, field) for name, field in get_kind(config.kind).fields.items() if field.from_file]
    told = [(str(field.label), field.shown(values[name]) or "没有设置") for name, field in fields]
    return [*told, ("怎么修改", f"以上{config_rules.FROM_FILE}")]


_OF_MODELS: Final = KindPage(kind="", watch=look, guide=model_guide, facts=users)
_BY_QWEN: Final = replace(_ASKED, run=ask_qwen)
KIND_PAGES.add(
    replace(
        _OF_MODELS,
        kind="qwen",
        checkup=Checkup(QwenTrial, lambda: _parts(_BY_QWEN), _ASKS, PROBE_S + 15, keeps=True),
    ),
    replace(
        _OF_MODELS,
        kind="openai",
        checkup=Checkup(ServerTrial, lambda: _parts(_ASKED), _ASKS, PROBE_S + 15, keeps=True),
    ),
    KindPage(
        kind=catalogue.KIND,
        watch=look,
        guide=service_guide,
        facts=program,
        footer=mcp.table,
        checkup=Checkup(
            McpTrial,
            lambda: _parts(_LISTED, _USABLE),
            "连接服务、取回工具列表，不调用任何工具。",
            VISIT_S + 15,
        ),
    ),
    KindPage(
        kind=http.KIND,
        watch=look,
        facts=progress,
        footer=mcp.table,
        checkup=Checkup(
            HttpTrial, lambda: _parts(_WRITTEN), "只检查能否连上这个地址、工具写得对不对，不发送任何请求。"
        ),
    ),
    KindPage(
        kind=carriers.KIND,
        watch=look,
        checkup=Checkup(ConnectorTrial, lambda: _parts(), "只检查能否连上这个地址，不发送任何操作。"),
    ),
)
