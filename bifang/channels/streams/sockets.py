"""Opening the WebSocket itself: guarded addresses, time-outs, proxies, no redirects, no frame ever logged."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

import websockets.exceptions
from websockets.asyncio.client import ClientConnection, connect

from bifang.channels.streams.settings import LinkSettings
from bifang.core.errors import RemoteError
from bifang.core.outbound.http import proxy_for, tls_context
from bifang.core.outbound.network import check_literal, resolve

MAX_ADDRESSES: Final = 3
QUEUED_FRAMES: Final = 64

# The library's DEBUG lines hold the ticket and every frame; a level of its own keeps them out for good.
_library_log = logging.getLogger("bifang.channels.streams.websockets")
_library_log.setLevel(logging.WARNING)


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        """A redirected WebSocket is a portal, or worse."""
        return exc


async def open_socket(
    uri: str,
    settings: LinkSettings,
    refused: Callable[[Mapping[str, str]], RemoteError | None] = lambda _: None,
) -> ClientConnection:
    """An open connection to ``uri``; RemoteError or ConfigError. Texts never hold the ticket.

    ``refused`` reads the headers of a refused handshake; what it does not know is transient, like all else.
    """
    host = urlsplit(uri).hostname or ""
    try:
        async with asyncio.timeout(settings.open_timeout_s):
            return await _open(uri, settings)
    except (TimeoutError, OSError, websockets.exceptions.WebSocketException, EOFError) as error:
        told = isinstance(error, websockets.exceptions.InvalidStatus) and refused(error.response.headers)
        raise told or _mapped(error, host) from None


async def _open(uri: str, settings: LinkSettings) -> ClientConnection:
    parts = urlsplit(uri)
    secure = parts.scheme == "wss"
    proxy = proxy_for(f"{parts.scheme}://{parts.netloc}", settings.proxy)
    check_literal(parts.hostname or "")
    if proxy:  # the library looks its name up by itself: first it must be one that we may reach
        at = urlsplit(proxy)
        await resolve(at.hostname or "", at.port or 80)
    ready = (
        None
        if proxy
        else await _connect_tcp(parts.hostname or "", parts.port or (443 if secure else 80), settings)
    )
    return await _Connect(
        uri,
        sock=ready,
        ssl=tls_context() if secure else None,
        proxy=proxy,
        compression=None,  # saves memory per connection and time per frame
        ping_interval=None,  # `Connection` has its own
        open_timeout=None,
        close_timeout=settings.close_timeout_s,
        max_size=settings.max_frame_bytes,
        max_queue=QUEUED_FRAMES,
        logger=_library_log,
    )


async def _connect_tcp(host: str, port: int, settings: LinkSettings) -> socket.socket:
    failure: OSError | None = None
    for family, address in (await resolve(host, port))[:MAX_ADDRESSES]:
        try:
            return await _connect_one(family, address, port, settings.connect_timeout_s)
        except OSError as error:  # TimeoutError is one
            failure = error
    raise failure or OSError("no address")


async def _connect_one(family: int, address: str, port: int, seconds: float) -> socket.socket:
    ready = socket.socket(family, socket.SOCK_STREAM)
    try:
        ready.setblocking(False)
        ready.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with asyncio.timeout(seconds):
            await asyncio.get_running_loop().sock_connect(ready, (address, port))
    except BaseException:
        ready.close()
        raise
    return ready


def _mapped(error: Exception, host: str) -> RemoteError:
    code, text = "network", f"无法连接 {host}（{type(error).__name__}）：请检查网络、DNS 和防火墙。"
    if isinstance(error, TimeoutError):
        code, text = "timeout", f"连接 {host} 超时：请检查网络和防火墙是否放行该主机的 443 端口。"
    elif isinstance(error, (websockets.exceptions.ProxyError, websockets.exceptions.InvalidProxy)):
        code, text = "proxy", f"经代理连接 {host} 失败：请检查代理地址、账号以及代理是否放行该主机。"
    elif isinstance(error, websockets.exceptions.InvalidStatus):
        code = "handshake"
        text = f"{host} 拒绝了 WebSocket 握手（HTTP {error.response.status_code}）：将自动重试，请检查代理是否支持 WebSocket。"
    elif isinstance(error, websockets.exceptions.WebSocketException):
        code, text = (
            "handshake",
            f"与 {host} 的 WebSocket 握手失败（{type(error).__name__}）：可能被代理或防火墙拦截。",
        )
    elif isinstance(error, socket.gaierror):
        code, text = "dns", f"无法解析 {host} 的域名：请检查 DNS 设置和网络。"
    elif isinstance(error, ssl.SSLError):
        code = "tls"
        text = f"与 {host} 建立加密连接失败：请检查系统时间和 CA 证书（可用 SSL_CERT_FILE 指定企业 CA）。"
    return RemoteError(text, permanent=False, code=code)
