"""What every outgoing connection needs below HTTP: one TLS context, guarded name resolution, the proxy to use."""

import asyncio
import ipaddress
import os
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from bifang.core.errors import ConfigError
from bifang.core.outbound.addresses import check_proxy, is_forbidden, is_loopback
from bifang.core.outbound.airgap import refuse_address, refuse_name

# Shared by all loops: hundreds of clients would otherwise each start a pool of their own.
_NAMES = ThreadPoolExecutor(max_workers=16, thread_name_prefix="resolve")

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


@lru_cache(maxsize=16)
def tls_context(ca: str = "") -> ssl.SSLContext:
    """The process's one client context (system CAs, SSL_CERT_FILE honoured); loading it costs time and memory.

    One more for each ``ca`` (PEM), which is then all that is believed. ssl.SSLError if it is none.
    """
    return ssl.create_default_context(cadata=ca or None)


async def resolve(host: str, port: int, family: int = socket.AF_UNSPEC) -> list[tuple[int, str]]:
    """(family, address) of ``host``; OSError if unknown, ConfigError if it leads to a forbidden address."""
    refuse_name(host)
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(_NAMES, _lookup, host, port, family)
    for _, address in found:
        _refuse_forbidden(address, host)
    return found


def _lookup(host: str, port: int, family: int) -> list[tuple[int, str]]:
    infos = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((int(info[0]), str(info[4][0])) for info in infos))


def check_literal(host: str) -> None:
    """ConfigError if ``host`` itself is a link-local or metadata address, or beyond the air gap."""
    refuse_name(host)
    _refuse_forbidden(host, host)


def _refuse_forbidden(address: str, host: str) -> None:
    refuse_address(address, host)
    if is_forbidden(address):
        raise ConfigError(f"地址 {host} 指向链路本地或云主机元数据地址，禁止访问：请检查配置的地址和 DNS。")


class GuardedResolver(AbstractResolver):
    """aiohttp's resolver, on the shared threads and with the guard."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Addresses for aiohttp's connector; see `resolve`."""
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST
            )
            for kind, address in await resolve(host, port, family)
        ]

    async def close(self) -> None:
        """Nothing is held."""


def proxy_for(url: str, proxy: str = "") -> str | None:
    """The proxy for ``url``: ``proxy`` if given, else the environment's; None: direct. ws counts as http.

    ConfigError for SOCKS, and for one beyond the air gap. The environment's proxy is not used for loopback, which no proxy can reach for us.
    """
    if proxy:
        return _checked(proxy)
    parts = urlsplit(url)
    host = parts.hostname or ""
    found = _from_environment(
        {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    ) or _from_environment("all")
    if (
        not found
        or is_loopback(host)
        or _bypassed(host, parts.port or _PORTS.get(parts.scheme), _from_environment("no"))
    ):
        return None
    if "://" not in found:
        found = f"http://{found}"
    return _checked(found)


def _checked(proxy: str) -> str:
    check_proxy(proxy)
    check_literal(urlsplit(proxy).hostname or "")
    return proxy


def _from_environment(name: str) -> str:
    """HTTP_PROXY and the like; lower case goes first, as everywhere."""
    return os.environ.get(f"{name}_proxy", os.environ.get(f"{name.upper()}_PROXY", "")).strip()


def _bypassed(host: str, port: int | None, entries: str) -> bool:
    return any(_covers(entry.strip().lower(), host, port) for entry in entries.split(",") if entry.strip())


def _covers(entry: str, host: str, port: int | None) -> bool:
    """NO_PROXY entries: ``*``, a name (its subdomains too), an address, a network, each but the last with a port."""
    if entry == "*":
        return True
    if "/" in entry:
        return _contains(entry, host)
    name, _, wanted = entry.rpartition(":") if entry.rpartition(":")[2].isdigit() else (entry, "", "")
    if wanted and int(wanted) != port:
        return False
    name = name.strip("[]").lstrip("*").lstrip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _contains(network: str, host: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def place(url: URL) -> str:
    """Host and port of ``url`` for people; its path and query may hold a session, a token, a hook's secret."""
    return f"{url.host}" if url.is_default_port() else f"{url.host}:{url.port}"
