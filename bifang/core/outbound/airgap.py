"""BIFANG_AIRGAPPED=1: nothing is connected to, and no name looked up, but DingTalk and private addresses of the list.

Asked by everything that connects (`bifang.core.outbound.network`), and before an address of a configuration is stored. Django
is not known here; the environment is the operator's and is read each time.
"""

import ipaddress
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

from bifang import env
from bifang.core.errors import ConfigError

DINGTALK: Final = frozenset(
    f"{name}.dingtalk.{end}"
    for name in ("api", "oapi", "wss-open-connection", "wss-open-connection-union")
    for end in ("com", "io")
)
_ENDPOINTS = ("DINGTALK_OPENAPI_ENDPOINT", "DINGTALK_OAPI_ENDPOINT")
_LOOKUPS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="whereabouts")
_OUTSIDE = (".aliyuncs.com", ".dingtalk.com", ".dingtalk.io")
_PATIENCE_S, _FRESH_S = 1.0, 60.0


def is_airgapped() -> bool:
    """Has the operator forbidden all else?"""
    return env.flag("BIFANG_AIRGAPPED")


def refuse_name(host: str) -> None:
    """ConfigError for a host that may not even be looked up."""
    if not is_airgapped() or _is_loopback(host) or _is_dingtalk(host):
        return
    if _plain(host) in {_plain(each) for each in env.words("BIFANG_ADDRESS_ALLOW_LIST")}:
        _refuse_public(host, host)
        return
    raise ConfigError(
        f"气隙模式（BIFANG_AIRGAPPED=1）不允许连接 {host}：只能连接钉钉，和 BIFANG_ADDRESS_ALLOW_LIST 中的内网地址。"
    )


def refuse_address(address: str, host: str) -> None:
    """ConfigError if a host of the list led out of the company."""
    if is_airgapped() and not _is_dingtalk(host):
        _refuse_public(address, host)


def _refuse_public(address: str, host: str) -> None:
    if is_public(address):
        raise ConfigError(f"气隙模式（BIFANG_AIRGAPPED=1）不允许连接 {host}：{address} 不是内网地址。")


def is_public(address: str) -> bool:
    """Is this the address of a machine outside? Names are none."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_global


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_dingtalk(host: str) -> bool:
    """Its own hosts, and the operator's private one."""
    own = {_plain(urlsplit(env.text(name)).hostname or "") for name in _ENDPOINTS}
    return _plain(host) in DINGTALK or (_plain(host) in own and host != "")


def _plain(host: str) -> str:
    return host.lower().rstrip(".")


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Does what is sent to ``host`` leave the company? "unknown": its name was not found."""

    host: str
    leaves: Literal["yes", "no", "unknown"]


_known: dict[str, tuple[float, Whereabouts]] = {}


def whereabouts(url: str) -> Whereabouts:
    """Looked up once a minute, and for a second at most; a name that may not be looked up leaves."""
    host = urlsplit(url).hostname or ""
    at, found = _known.get(host, (float("-inf"), None))
    if found is None or time.monotonic() - at >= _FRESH_S:
        found = Whereabouts(host, _leaves(host))
        _known[host] = (time.monotonic(), found)
    return found


def _leaves(host: str) -> Literal["yes", "no", "unknown"]:
    try:
        ipaddress.ip_address(host)
        return "yes" if is_public(host) else "no"
    except ValueError:
        pass
    if _plain(host).endswith(_OUTSIDE):
        return "yes"
    try:
        refuse_name(host)
        infos = _LOOKUPS.submit(socket.getaddrinfo, host, None).result(_PATIENCE_S)
    except ConfigError:
        return "yes"
    except (OSError, TimeoutError, UnicodeError):
        return "unknown"
    return "yes" if any(is_public(str(info[4][0])) for info in infos) else "no"
