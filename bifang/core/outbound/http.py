"""All outgoing HTTP: time-outs, keep-alive, proxies, the address guard, and errors that give nothing away."""

import asyncio
import json as jsonlib
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, NoReturn, Self

import aiohttp
from yarl import URL

from bifang.core.errors import RemoteError
from bifang.core.outbound.network import GuardedResolver, check_literal, place, proxy_for, tls_context
from bifang.core.outbound.streaming import StreamedResponse

__all__ = ["HttpClient", "Response", "proxy_for", "tls_context"]

DEFAULT_TIMEOUT: Final = 10.0
MAX_BODY: Final = 2 * 1024 * 1024
_MAX_REDIRECTS = 3
_JSON: Final = jsonlib.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, whatever its status. ``headers`` look up without regard to case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The decoded body; RemoteError(code="not_json") for anything else (portal pages, empty bodies)."""
        try:
            return jsonlib.loads(self.body)
        except (ValueError, RecursionError):
            raise RemoteError(
                f"对方返回的内容不是 JSON（HTTP {self.status}）：可能被登录门户或代理拦截，请检查网络出口。",
                permanent=False,
                status=self.status,
                code="not_json",
            ) from None


class HttpClient:
    """One object for many event loops: each running loop gets its own keep-alive session, see `close`.

    ``connect_timeout`` seconds per TCP connect; ``pool`` connections a loop, 0: no limit; ``ca``: the certificates
    (PEM) that are believed instead of the system's.
    """

    def __init__(self, *, connect_timeout: float = 5.0, pool: int = 256, ca: str = "") -> None:
        self._connect_timeout = connect_timeout
        self._pool, self._ca = pool, ca
        self._sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}
        self._proxies: dict[tuple[str, str | None, int | None, str], URL | None] = {}
        self._lock = threading.Lock()

    async def request(
        self,
        method: str,
        url: str,
        *,
        json: Any = None,
        form: aiohttp.FormData | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = DEFAULT_TIMEOUT,  # noqa: ASYNC109 - also covers waiting for the pool
        proxy: str | None = "",
        max_bytes: int = MAX_BODY,
        sink: Callable[[bytes], object] | None = None,
    ) -> Response:
        """Send one request; every status is an answer, only a missing answer is an error.

        ``sink`` takes the body of a 200 piece by piece instead (a large file, say); the answer's own is empty then.
        ``timeout``: seconds for the whole call. ``proxy``: "" takes the environment's, None goes direct.
        Redirects are followed on the same host only. RemoteError codes: connect, dns, tls, proxy (nothing was
        sent), network, timeout, redirect, too_large; ConfigError for a forbidden address or a SOCKS proxy.
        """
        target = _parse(url)
        data, sent = _body(json, form, headers)
        for _ in range(_MAX_REDIRECTS):
            check_literal(target.raw_host or "")
            through = self._proxy(target, proxy)
            try:
                async with self._session().request(
                    method,
                    target,
                    data=data,
                    headers=sent,
                    timeout=aiohttp.ClientTimeout(
                        total=timeout, sock_connect=min(timeout, self._connect_timeout)
                    ),
                    proxy=through,
                    allow_redirects=False,
                ) as answer:
                    if answer.status not in _REDIRECTS:
                        body = await _read(answer, target, max_bytes, sink if answer.status == 200 else None)
                        return Response(answer.status, answer.headers, body)
                    target = _redirected(method, target, answer)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                _raise_mapped(error, target)
        raise _redirect_error(target)

    @asynccontextmanager
    async def stream(
        self, url: str, *, json: Any, headers: Mapping[str, str] | None = None, proxy: str | None = ""
    ) -> AsyncIterator[StreamedResponse]:
        """POST, and read the answer as it comes; errors as `request`'s. No redirects.

        Only connecting has a time-out: the caller gives its own, around this.
        """
        target = _parse(url)
        data, sent = _body(json, None, headers)
        check_literal(target.raw_host or "")
        limit = aiohttp.ClientTimeout(total=None, sock_connect=self._connect_timeout)
        try:
            async with self._session().post(
                target, data=data, headers=sent, timeout=limit, proxy=self._proxy(target, proxy),
                allow_redirects=False,
            ) as answer:  # fmt: skip
                if answer.status in _REDIRECTS:
                    raise _redirect_error(target, answer.status)
                yield StreamedResponse(answer)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            _raise_mapped(error, target)

    def _proxy(self, target: URL, proxy: str | None) -> URL | None:
        if proxy is None:
            return None
        key = (target.scheme, target.raw_host, target.port, proxy)
        if key not in self._proxies:
            if len(self._proxies) > 1000:  # hosts of downloads vary
                self._proxies.clear()
            found = proxy_for(f"{target.scheme}://{target.authority}", proxy)
            self._proxies[key] = URL(found) if found else None
        return self._proxies[key]

    def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None or session.closed:
            session = self._open_session()
            with self._lock:
                self._sessions[loop] = session
        return session

    def _open_session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=self._pool, ssl=tls_context(self._ca), resolver=GuardedResolver(), keepalive_timeout=30
        )
        return aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), json_serialize=jsonlib.dumps
        )

    async def close(self) -> None:
        """Close the running loop's session. Each loop that used this client closes its own."""
        with self._lock:
            session = self._sessions.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _parse(url: str) -> URL:
    try:
        target = URL(url)
    except ValueError:
        target = URL()
    if target.scheme not in ("http", "https") or not target.raw_host:
        raise RemoteError(
            "请求地址格式不正确，无法发送：请检查配置中的地址。", permanent=True, code="network"
        )
    return target


def _body(
    json: Any, form: aiohttp.FormData | bytes | None, headers: Mapping[str, str] | None
) -> tuple[Any, Mapping[str, str]]:
    """The bytes to send. Chinese stays UTF-8 (DingTalk counts bytes); what UTF-8 cannot hold becomes '?'."""
    if json is None:
        return form, headers or {}
    data = _JSON.encode(json).encode("utf-8", "replace")
    return data, {"Content-Type": "application/json", **(headers or {})}


async def _read(
    answer: aiohttp.ClientResponse, target: URL, max_bytes: int, sink: Callable[[bytes], object] | None
) -> bytes:
    length = answer.content_length
    known = length is not None and length <= max_bytes and "Content-Encoding" not in answer.headers
    if known and sink is None:
        return await answer.read()
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_any():  # counted after decompression
        size += len(part)
        if size > max_bytes:
            answer.close()
            raise RemoteError(
                f"{place(target)} 返回的内容超过 {max_bytes // 1024} KB，已放弃接收。",
                permanent=True,
                status=answer.status,
                code="too_large",
            )
        (sink or parts.append)(part)
    return b"".join(parts)


def _redirected(method: str, target: URL, answer: aiohttp.ClientResponse) -> URL:
    try:
        new = target.join(URL(answer.headers.get("Location", "")))
    except ValueError:
        raise _redirect_error(target, answer.status) from None
    same = (new.scheme, new.raw_host, new.port) == (target.scheme, target.raw_host, target.port)
    if method not in ("GET", "HEAD") or not same:
        raise _redirect_error(target, answer.status)
    return new


def _redirect_error(target: URL, status: int = 302) -> RemoteError:
    return RemoteError(
        f"{place(target)} 要求跳转到其他地址，已拒绝：通常是上网认证门户或代理所致，请先完成认证或检查代理。",
        permanent=False,
        status=status,
        code="redirect",
    )


def _raise_mapped(error: Exception, target: URL) -> NoReturn:
    """Errors as RemoteError. ``from None``: the originals carry whole URLs in their texts."""
    where, name = place(target), type(error).__name__
    code, message = "network", f"无法与 {where} 通信（{name}）：请检查网络、DNS 和防火墙。"
    if isinstance(error, TimeoutError):
        code, message = "timeout", f"{where} 在规定时间内没有响应：请检查网络或稍后再试。"
    elif isinstance(error, (aiohttp.ClientHttpProxyError, aiohttp.ClientProxyConnectionError)):
        code, message = "proxy", f"经代理访问 {where} 失败：请检查代理地址、账号以及代理是否放行该主机。"
    elif isinstance(error, aiohttp.ClientConnectorDNSError):
        code, message = "dns", f"无法解析 {where} 的域名：请检查 DNS 设置和网络。"
    elif isinstance(error, (aiohttp.ClientSSLError, ssl.SSLError)):
        code = "tls"
        message = f"与 {where} 建立加密连接失败：请检查系统时间和 CA 证书（可用 SSL_CERT_FILE 指定企业 CA）。"
    elif isinstance(error, aiohttp.ClientConnectorError):
        code = "connect"
    raise RemoteError(message, permanent=False, code=code) from None
