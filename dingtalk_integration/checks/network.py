"""The way from this machine to DingTalk, step by step. A worker that is connected is never disturbed."""

import asyncio
import contextlib
import errno
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from bifang.core.errors import RateLimited, RemoteError
from bifang.core.http import HttpClient
from bifang.core.network import proxy_for, resolve, tls_context
from dingtalk_integration import api_usage
from dingtalk_integration.checks.configuration import CheckedConfig
from dingtalk_integration.checks.steps import STEP_SECONDS, CheckStep, Failure, Skip, in_thread
from dingtalk_integration.health import live_states, live_workers
from dingtalk_integration.openapi import tokens
from dingtalk_integration.openapi.application import Application
from dingtalk_integration.openapi.endpoints import Endpoints
from dingtalk_integration.stream import gateway
from dingtalk_integration.stream.frames import CARD_TOPIC, CHAT_TOPIC, DELEGATE_TOPIC
from dingtalk_integration.stream.settings import StreamSettings
from dingtalk_integration.stream.sockets import open_socket
from dingtalk_integration.worker.clients import stream_settings

INNER: Final = STEP_SECONDS - 0.5  # our own clients give up first: their errors say more than a time-out
MOST_SKEW: Final = 60.0  # seconds
TRIED: Final = 3
REASONS: Final = {
    errno.ECONNREFUSED: "连接被拒绝，没有程序在这个端口监听或防火墙拒绝",
    errno.ECONNRESET: "连接被对方或防火墙重置",
    errno.ENETUNREACH: "网络不可达",
    errno.EHOSTUNREACH: "没有到这台主机的路由",
}
NO_ANSWER: Final = "钉钉没有给出答复，问题不在凭证和应用设置：检查网络出口、上网认证和代理，稍后再检查一次。"
EVENTS: Final = {"type": "EVENT", "topic": "*"}
# What the worker subscribes to: the gateway may refuse a topic.
TOPICS: Final = (
    EVENTS,
    *({"type": "CALLBACK", "topic": topic} for topic in (CHAT_TOPIC, DELEGATE_TOPIC, CARD_TOPIC)),
)


def _place(subject: CheckedConfig) -> tuple[str, int, bool]:
    """Host, port, and whether TLS is spoken there."""
    parts = urlsplit(subject.ready.endpoint)
    secure = parts.scheme == "https"
    return parts.hostname or "", parts.port or (443 if secure else 80), secure


async def check_proxy(subject: CheckedConfig) -> str:
    """Which proxy is used; it takes connections. SOCKS is refused. Fills in ``proxy``."""
    found = subject.proxy = proxy_for(subject.ready.endpoint, subject.ready.proxy)
    if found is None:
        return "不使用代理，直接连接"
    parts = urlsplit(found)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        (_, address), *_ = await resolve(host, port)
        _, writer = await asyncio.open_connection(address, port)
    except OSError as error:
        raise Failure(
            f"连不上代理 {host}:{port}（{_reason(error)}）。",
            "核对代理的地址和端口，确认代理在运行；不需要代理时清空配置的「HTTP 代理」，或把钉钉的主机加入 NO_PROXY。",
        ) from None
    await _close(writer)
    return f"经代理 {host}:{port}"


async def check_dns(subject: CheckedConfig) -> str:
    """The endpoint's name leads somewhere it may. Fills in ``addresses``."""
    if subject.proxy:
        raise Skip("由代理解析域名")
    host, port, _ = _place(subject)
    try:
        subject.addresses = await resolve(host, port)
    except OSError as error:
        raise Failure(f"无法解析 {host}（{_reason(error)}）。") from None
    more = f" 等 {len(subject.addresses)} 个地址" if len(subject.addresses) > 1 else ""
    return f"{host} → {subject.addresses[0][1]}{more}"


async def check_tcp(subject: CheckedConfig) -> str:
    """The port can be reached."""
    if subject.proxy:
        raise Skip("由代理建立连接")
    host, port, _ = _place(subject)
    reasons = []
    for _, address in subject.addresses[:TRIED]:
        try:
            async with asyncio.timeout(INNER / min(len(subject.addresses), TRIED)):
                _, writer = await asyncio.open_connection(address, port)
        except OSError as error:  # TimeoutError is one
            reasons.append(f"{address}：{_reason(error)}")
            continue
        await _close(writer)
        return f"{address} 端口 {port}"
    raise Failure(f"连不上 {host} 的端口 {port}（{'；'.join(reasons)}）。")


async def check_tls(subject: CheckedConfig) -> str:
    """The certificate is good and for this host."""
    if subject.proxy:
        raise Skip("经代理建立，由「凭证」一步检查")
    host, port, secure = _place(subject)
    if not secure:
        raise Skip("接入地址不使用 https")
    try:
        _, writer = await asyncio.open_connection(host, port, ssl=tls_context())
    except ssl.SSLCertVerificationError as error:
        raise Failure(f"{host} 的证书没有通过校验（{error.verify_message}）。") from None
    except (ssl.SSLError, OSError) as error:
        raise Failure(f"与 {host} 建立加密连接失败（{_reason(error)}）。") from None
    version, until = writer.get_extra_info("ssl_object").version(), writer.get_extra_info("peercert")
    await _close(writer)
    return f"{version}，证书有效期至 {until['notAfter']}"


async def check_credentials(subject: CheckedConfig) -> str:
    """DingTalk gives an access token for Client ID and secret. Fills in ``answer``."""
    settings = subject.ready
    application = Application(
        settings.client_id,
        settings.client_secret,
        Endpoints(settings.endpoint, settings.oapi_endpoint),
        settings.proxy,
    )
    with _blaming_the_network():
        async with HttpClient(pool=1) as http:
            started = time.time()
            subject.answer = await tokens.ask(http, application, timeout=INNER)
            subject.answered_at = (started + time.time()) / 2
            await in_thread(lambda: api_usage.probe(settings.client_id))
        tokens.open_answer(subject.answer)
    return "钉钉接受 Client ID 和 Client Secret"


async def check_clock(subject: CheckedConfig) -> str:
    """Our clock against the ``Date`` of DingTalk's answer, which has whole seconds."""
    if subject.answer is None:
        raise Skip("没有收到钉钉的回答，无法比较")
    theirs = _date(subject.answer.headers.get("Date", ""))
    if theirs is None:
        raise Skip("钉钉的回答没有时间，无法比较")
    skew = subject.answered_at - theirs.timestamp()
    if abs(skew) > MOST_SKEW:
        raise Failure(f"本机时钟比钉钉{'快' if skew > 0 else '慢'} {abs(skew):.0f} 秒。")
    return f"与钉钉相差不到 {max(abs(skew), 1):.0f} 秒"


@contextlib.contextmanager
def _blaming_the_network() -> Iterator[None]:
    """Where DingTalk itself has refused nothing, advice about credentials would send people the wrong way."""
    try:
        yield
    except RemoteError as error:
        if error.permanent or isinstance(error, RateLimited):
            raise
        raise Failure(error.message, NO_ANSWER) from None


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None


async def check_open(subject: CheckedConfig) -> str:
    """The gateway gives an address and a ticket. The ticket is thrown away: without it no connection comes to be."""
    with _blaming_the_network():
        uri = await gateway.ask(_stream(subject), TOPICS, "")
    return f"网关给出连接地址 {urlsplit(uri).hostname}"


async def check_handshake(subject: CheckedConfig) -> str:
    """Open a WebSocket and close it at once, reading and acknowledging nothing.

    DingTalk spreads pushes over the connections of an application: a second one would take messages from the
    worker's. So there is none while a worker runs, and it subscribes to no messages and no card clicks.
    """
    await _leave_workers_alone(subject)
    stream = _stream(subject)
    uri = await gateway.ask(stream, [EVENTS], "")
    await _leave_workers_alone(subject)  # again, as late as possible: one may just have been started
    socket = await open_socket(uri, stream)
    try:
        return f"已与 {urlsplit(uri).hostname} 握手，随即关闭"
    finally:
        await socket.close()


async def _leave_workers_alone(subject: CheckedConfig) -> None:
    """Skip if a worker serves this configuration, connected or not."""
    pk = subject.row.pk
    owners = await in_thread(
        lambda: [state.owner for state in live_states(pk)] + [worker.owner for worker in live_workers(pk)]
    )
    if owners:
        raise Skip(f"工作进程 {owners[0]} 正在运行：再开一个连接会分走它的消息，它的连接状态见「推送服务」")


def _stream(subject: CheckedConfig) -> StreamSettings:
    return replace(stream_settings(subject.ready), open_timeout_s=INNER, connect_timeout_s=INNER)


def _reason(error: Exception) -> str:
    """Why, in words; the system's own are English, and asyncio's name only the address again."""
    if isinstance(error, TimeoutError):
        return "超时"
    if isinstance(error, socket.gaierror):
        known = {socket.EAI_NONAME: "没有这个域名", socket.EAI_AGAIN: "DNS 服务器没有应答"}
        return known.get(error.errno or 0, str(error.strerror))
    found = REASONS.get(getattr(error, "errno", None) or 0)
    return found or getattr(error, "strerror", None) or type(error).__name__


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError, ssl.SSLError):  # the other side may be gone already; we only asked
        await writer.wait_closed()


STEPS: tuple[CheckStep[CheckedConfig], ...] = (
    CheckStep(
        "proxy", "代理", check_proxy,
        "改用 HTTP 代理（配置的「HTTP 代理」或环境变量 HTTPS_PROXY），或把钉钉的主机加入 NO_PROXY 直连。", ("complete",),
    ),
    CheckStep("dns", "DNS", check_dns, "检查这台机器的 DNS 设置（/etc/resolv.conf）和配置中的接入地址。", ("proxy",)),
    CheckStep("tcp", "TCP", check_tcp, "在防火墙放行到该主机该端口的出方向连接，或设置公司的 HTTP 代理。", ("dns",)),
    CheckStep("tls", "TLS", check_tls, "校准系统时间；公司网络替换证书时，用 SSL_CERT_FILE 指定企业 CA。", ("tcp",)),
    CheckStep(
        "credentials", "凭证", check_credentials,
        "在钉钉开放平台「凭证与基础信息」核对 Client ID 和 Client Secret，确认应用没有停用；在「系统配置」中更正。", ("tls",),
    ),
    CheckStep("clock", "时钟", check_clock, "打开时间同步：sudo timedatectl set-ntp true（或检查 chrony、ntpd）。", ("tls",)),
    CheckStep(
        "open", "Stream 网关", check_open,
        "确认应用已发布、机器人消息接收模式为 Stream 模式，且没有登录门户或代理拦截。", ("credentials",),
    ),
    CheckStep(
        "handshake", "握手", check_handshake,
        "在防火墙放行到该主机 443 端口的出方向连接；代理要支持 WebSocket。", ("open",),
    ),
)  # fmt: skip
