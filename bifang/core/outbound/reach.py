"""The way from this machine to where a configuration sends: proxy, DNS, TCP, TLS, a step each."""

import asyncio
import contextlib
import errno
import socket
import ssl
from typing import Any, Final
from urllib.parse import urlsplit

from bifang.core.configuration.trials import STEP_SECONDS, CheckStep, Failure, Skip, Tryout
from bifang.core.outbound.addresses import is_loopback
from bifang.core.outbound.network import proxy_for, resolve, tls_context

INNER: Final = STEP_SECONDS - 0.5  # our own clients give up first: their errors say more than a time-out
TRIED: Final = 3
REASONS: Final = {
    errno.ECONNREFUSED: "连接被拒绝，没有程序在这个端口监听或防火墙拒绝",
    errno.ECONNRESET: "连接被对方或防火墙重置",
    errno.ENETUNREACH: "网络不可达",
    errno.EHOSTUNREACH: "没有到这台主机的路由",
}


def _place(trial: Tryout) -> tuple[str, int, bool]:
    """Host, port, and whether TLS is spoken there."""
    parts = urlsplit(trial.destination.url)
    secure = parts.scheme == "https"
    return parts.hostname or "", parts.port or (443 if secure else 80), secure


async def check_proxy(trial: Tryout) -> str:
    """Which proxy is used; it takes connections. SOCKS is refused. Fills in ``proxy``."""
    found = trial.proxy = proxy_for(trial.destination.url, trial.destination.proxy)
    if found is None:
        return "不使用代理，直接连接"
    parts = urlsplit(found)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        (_, address), *_ = await resolve(host, port)
        _, writer = await asyncio.open_connection(address, port)
    except OSError as error:
        raise Failure(
            f"连不上代理 {host}:{port}（{reason_of(error)}）。",
            "核对代理的地址和端口，确认代理在运行；不需要代理时清空配置的「HTTP 代理」，或把要连接的主机加入 NO_PROXY。",
        ) from None
    await _close(writer)
    return f"经代理 {host}:{port}"


async def check_dns(trial: Tryout) -> str:
    """The name leads somewhere it may. Fills in ``addresses``."""
    if trial.proxy:
        raise Skip("由代理解析域名")
    host, port, _ = _place(trial)
    try:
        trial.addresses = await resolve(host, port)
    except OSError as error:
        raise Failure(f"无法解析 {host}（{reason_of(error)}）。") from None
    more = f" 等 {len(trial.addresses)} 个地址" if len(trial.addresses) > 1 else ""
    return f"{host} → {trial.addresses[0][1]}{more}"


async def check_tcp(trial: Tryout) -> str:
    """The port can be reached. Leaves the address that it was reached at."""
    if trial.proxy:
        raise Skip("由代理建立连接")
    host, port, _ = _place(trial)
    reasons = []
    for family, address in trial.addresses[:TRIED]:
        try:
            async with asyncio.timeout(INNER / min(len(trial.addresses), TRIED)):
                _, writer = await asyncio.open_connection(address, port)
        except OSError as error:  # TimeoutError is one
            reasons.append(f"{address}：{reason_of(error)}")
            continue
        await _close(writer)
        trial.addresses = [(family, address)]
        return f"{address} 端口 {port}"
    remedy = "这是本机的地址：请先在本机启动那个程序，或改对端口。" if is_loopback(host) else ""
    raise Failure(f"连不上 {host} 的端口 {port}（{'；'.join(reasons)}）。", remedy)


async def check_tls(trial: Tryout) -> str:
    """The certificate is good and for this host."""
    if trial.proxy:
        raise Skip("经代理建立，由后面的步骤检查")
    host, port, secure = _place(trial)
    if not secure:
        raise Skip("地址不使用 https")
    context = tls_context(trial.destination.ca)
    try:  # the address that was looked at, not what the name leads to by now
        _, writer = await asyncio.open_connection(
            trial.addresses[0][1], port, ssl=context, server_hostname=host
        )
    except ssl.SSLCertVerificationError as error:
        raise Failure(f"{host} 的证书没有通过校验（{error.verify_message}）。") from None
    except (ssl.SSLError, OSError) as error:
        raise Failure(f"与 {host} 建立加密连接失败（{reason_of(error)}）。") from None
    version, until = writer.get_extra_info("ssl_object").version(), writer.get_extra_info("peercert")
    await _close(writer)
    return f"{version}，证书有效期至 {until['notAfter']}"


def reason_of(error: Exception) -> str:
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


REACH: Final[tuple[CheckStep[Any], ...]] = (
    CheckStep(
        "proxy", "代理", check_proxy,
        "改用 HTTP 代理（配置的「HTTP 代理」或环境变量 HTTPS_PROXY），或把要连接的主机加入 NO_PROXY 直连。", ("complete",),
    ),
    CheckStep("dns", "DNS", check_dns, "检查这台机器的 DNS 设置（/etc/resolv.conf）和配置中的地址。", ("proxy",)),
    CheckStep("tcp", "TCP", check_tcp, "在防火墙放行到该主机该端口的出方向连接，或设置公司的 HTTP 代理。", ("dns",)),
    CheckStep("tls", "TLS", check_tls, "校准系统时间；证书由公司 CA 签发或被公司网络替换时，用 SSL_CERT_FILE（或配置的「CA 证书」）指定企业 CA。", ("tcp",)),
)  # fmt: skip
