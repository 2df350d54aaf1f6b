"""The way from this machine to Feishu, step by step. A worker that is connected is never disturbed."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from bifang.channels.checks.network import blaming_the_network, leave_workers_alone, require_switch
from bifang.channels.streams.sockets import open_socket
from bifang.core.configuration.trials import CheckStep, Failure, Skip
from bifang.core.errors import RemoteError
from bifang.core.outbound.http import HttpClient
from bifang.core.outbound.reach import INNER, REACH
from feishu_integration.checks.trial import FeishuTrial
from feishu_integration.openapi.api import FeishuApi, FeishuApplication
from feishu_integration.openapi.bot import BOT_PATH
from feishu_integration.openapi.errors import NO_SCOPE
from feishu_integration.stream import endpoint
from feishu_integration.stream.settings import FeishuLinkSettings
from feishu_integration.worker.clients import link_settings
from secops_agent.services.notifications.calls import CALLS_STEP

TENANT_PATH: Final = "/open-apis/tenant/v2/tenant/query"
BOT_ENABLED: Final = 2


async def check_credentials(subject: FeishuTrial) -> str:
    """Feishu gives a token for App ID and App Secret, and the application has a bot that is switched on."""
    with blaming_the_network(subject.service.title):
        bot = _object(await _ask(subject, BOT_PATH), "bot")
    name = str(bot.get("app_name") or "")[:60]
    status = bot.get("activate_status")
    if isinstance(status, int) and status != BOT_ENABLED:
        raise Failure(f"飞书接受 App ID 和 App Secret，但机器人「{name}」没有启用（状态 {status}）。")
    return f"飞书接受 App ID 和 App Secret，机器人是「{name}」"


async def check_tenant(subject: FeishuTrial) -> str:
    """The organisation is the one that the configuration names. Needs a permission that nothing else needs."""
    try:
        tenant = _object(await _ask(subject, TENANT_PATH), "tenant")
    except RemoteError as error:
        if error.code in {str(code) for code in NO_SCOPE}:
            raise Skip("应用没有开通「获取企业信息」，不影响使用；企业从收到的第一条消息得知") from None
        raise
    name, key = str(tenant.get("name") or "")[:60], str(tenant.get("tenant_key") or "")[:100]
    wanted = subject.ready.tenant_key
    if wanted and key and wanted != key:
        raise Failure(
            f"这个应用属于「{name}」（{key}），配置里的企业标识却是 {wanted}：它的人得不到任何回答。"
        )
    return f"「{name}」（{key}）"


async def check_open(subject: FeishuTrial) -> str:
    """Feishu gives an address to connect to. It is thrown away: without it no connection comes to be."""
    require_switch(subject)
    with blaming_the_network(subject.service.title):
        opening = await endpoint.ask(_link(subject))
    return f"飞书给出连接地址 {urlsplit(opening.url).hostname}"


async def check_handshake(subject: FeishuTrial) -> str:
    """Open a WebSocket and close it at once, reading and acknowledging nothing. There is none while a worker runs."""
    require_switch(subject)
    await leave_workers_alone(subject)
    link = _link(subject)
    opening = await endpoint.ask(link)
    await leave_workers_alone(subject)  # again, as late as possible: one may just have been started
    socket = await open_socket(opening.url, link, endpoint.refused)
    try:
        return f"已与 {urlsplit(opening.url).hostname} 握手，随即关闭"
    finally:
        await socket.close()


async def _ask(subject: FeishuTrial, path: str) -> Mapping[str, Any]:
    settings = subject.ready
    application = FeishuApplication(
        settings.client_id, settings.client_secret, settings.endpoint, settings.proxy
    )
    async with HttpClient(pool=1) as http:
        return await FeishuApi(http, application).call("GET", path)


def _link(subject: FeishuTrial) -> FeishuLinkSettings:
    link = link_settings(subject.ready)
    assert link is not None  # `require_switch`
    return replace(link, open_timeout_s=INNER, connect_timeout_s=INNER)


def _object(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name)
    return found if isinstance(found, dict) else {}


STEPS: tuple[CheckStep[Any], ...] = (
    *REACH,
    CheckStep(
        "credentials", "凭证", check_credentials,
        "在飞书开放平台「凭证与基础信息」核对 App ID 和 App Secret；「添加应用能力」里有机器人，并发布过版本；在「系统配置」中更正。",
        ("tls",), field="client_secret",
    ),
    CheckStep(
        "tenant", "企业", check_tenant,
        "清空「企业标识（tenant_key）」（从第一条消息得知），或换成这个应用所在的企业；保存后再测一次。", ("credentials",),
    ),
    CheckStep(
        "open", "长连接地址", check_open,
        "确认应用是企业自建应用、已启用，且没有登录门户或代理拦截。", ("credentials",),
    ),
    CheckStep(
        "handshake", "握手", check_handshake,
        "在防火墙放行到该主机 443 端口的出方向连接；代理要支持 WebSocket。", ("open",),
    ),
    CALLS_STEP,
)  # fmt: skip
