"""Which addresses Bifang may talk to. A configuration can be edited by many; the environment by the operator."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from bifang.core.errors import ConfigError
from bifang.core.outbound.airgap import refuse_name

OAPI_HOST = "oapi.dingtalk.com"
# Exact names: under *.aliyuncs.com anyone rents a bucket or a function, and reads what is sent there.
TRUSTED_HOSTS = frozenset(
    {
        "api.dingtalk.com",
        OAPI_HOST,
        "dashscope.aliyuncs.com",
        "dashscope-intl.aliyuncs.com",
        "dashscope-us.aliyuncs.com",
    }
)
# A workspace's own host at 百炼: <workspace>.<region>.maas.aliyuncs.com, in the six regions where it is offered.
_WORKSPACE_HOST = re.compile(
    r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
    r"\.(?:cn-beijing|cn-hongkong|ap-southeast-1|ap-northeast-1|us-east-1|eu-central-1)\.maas\.aliyuncs\.com"
)
# Where the gateway of an endpoint sends its clients. The overseas endpoint can only come from the operator.
_SOCKET_HOSTS = {
    f"api.dingtalk.{end}": frozenset(
        {f"wss-open-connection.dingtalk.{end}", f"wss-open-connection-union.dingtalk.{end}"}
    )
    for end in ("com", "io")
}
# Feishu's gateways have many names, which are told nowhere; nobody else has one under its domains.
_SOCKET_DOMAINS = {"open.feishu.cn": ".feishu.cn", "open.larksuite.com": ".larksuite.com"}

_FORBIDDEN = tuple(
    ipaddress.ip_network(text)
    for text in ("169.254.0.0/16", "fe80::/10", "100.100.100.200/32", "fd00:ec2::254/128")
)
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+(%[a-z0-9._-]+)?")
_UNSAFE = re.compile(r"[\s\\\x00-\x20\x7f]")
_ROBOT_QUERY = re.compile(r"access_token=[A-Za-z0-9_.-]{8,200}")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class AddressRules:
    """``allowed_hosts``: the operator's own list, host names in lower case. ``simulator``: loopback may be named.

    ``airgapped``: only DingTalk, and private addresses of the list.
    """

    allowed_hosts: frozenset[str] = frozenset()
    simulator: bool = False
    airgapped: bool = False


def check_address(
    url: str, rules: AddressRules, *, source: Literal["config", "environment"] = "config"
) -> None:
    """ConfigError unless ``url`` may be used as a base address.

    A value of a configuration must be https on a trusted host, or http(s) on the operator's list, or on loopback
    when the simulator is on. A value of the environment is trusted, but never a link-local or metadata address.
    """
    parts = _split(url, ("http", "https"))
    host = _host(parts)
    if source == "environment":
        return
    if rules.airgapped:
        refuse_name(host)
    if _is_listed(host, rules):
        return
    if is_loopback(host):
        raise ConfigError(
            f"地址的主机 {host} 是本机，只有演示可以用：在演示（make run）旁边执行命令时，请在命令前面加 BIFANG_SIMULATOR=1；"
            "确实要连接本机的服务，请由运维人员加入环境变量 BIFANG_ADDRESS_ALLOW_LIST 并重启后再试。"
        )
    if not _is_trusted(host):
        raise ConfigError(
            f"地址的主机 {host} 不在允许范围内：钉钉和阿里云百炼的官方地址可以直接填写，"
            "其他主机（包括内网的）请由运维人员加入环境变量 BIFANG_ADDRESS_ALLOW_LIST 并重启后再试。"
        )
    if parts.scheme != "https":
        raise ConfigError(f"地址 {host} 必须使用 https://，请修改后重新保存。")


def check_socket(url: str, rules: AddressRules, *, endpoint: str) -> None:
    """ConfigError unless the WebSocket address that ``endpoint``'s gateway answered may be opened.

    wss on the hosts that belong to the endpoint, its own or the operator's list; ws only where the endpoint itself
    is reached without TLS on the same (or also a loopback) host, or on loopback when the simulator is on.
    """
    parts = _split(url, ("ws", "wss"))
    host, own = _host(parts), _host(_split(endpoint, ("http", "https")))
    same = host == own or (is_loopback(host) and is_loopback(own))
    belongs = same or host in _SOCKET_HOSTS.get(own, ()) or host in rules.allowed_hosts
    belongs = belongs or host.endswith(_SOCKET_DOMAINS.get(own, "\0"))
    if parts.scheme == "wss" and belongs:
        return
    if _is_local_simulator(host, rules) or (same and endpoint.lower().startswith("http://")):
        return
    raise ConfigError(
        f"网关给出的连接地址 {parts.scheme}://{host} 不可信，已拒绝连接：请检查本配置的接入地址是否正确，"
        "或是否被代理篡改；确需使用时请由运维人员加入 BIFANG_ADDRESS_ALLOW_LIST。"
    )


def webhook_refusal(url: str, *, api: str, oapi: str) -> str:
    """Why a sessionWebhook is not used; "" if it points to the configuration's own hosts or DingTalk's OAPI host.

    The webhook travels in a message, so its host must never be the sender's choice.
    """
    if _UNSAFE.search(url):
        return "消息携带的 sessionWebhook 格式不正确，已拒绝发送。"
    try:
        parts = _split(url, ("http", "https"))
        host = _host(parts)
    except ConfigError as error:
        return f"消息携带的 sessionWebhook 无法使用：{error.message}"
    own = [base for base in (urlsplit(api), urlsplit(oapi)) if base.scheme == parts.scheme]
    official = (parts.scheme, host, _port(parts)) == ("https", OAPI_HOST, 443)
    if official or any(_same_place(parts, base) for base in own):
        return ""
    return (
        f"消息携带的 sessionWebhook 指向 {parts.scheme}://{host}，不是本配置的钉钉地址，已拒绝发送；"
        "如使用专有钉钉，请设置 DINGTALK_OAPI_ENDPOINT。"
    )


def check_robot_address(url: str, rules: AddressRules, *, oapi: str) -> None:
    """ConfigError unless ``url`` is the address of a custom robot: official, or where the operator has DingTalk's OAPI."""
    parts = _split(url, ("http", "https"))
    host = _host(parts)
    own = urlsplit(oapi)
    official = (parts.scheme, host, _port(parts)) == ("https", OAPI_HOST, 443)
    if not (official or _is_listed(host, rules) or (own.scheme == parts.scheme and _same_place(parts, own))):
        raise ConfigError(
            f"自定义机器人的地址应以 https://{OAPI_HOST}/robot/send 开头，不能是 {parts.scheme}://{host}；"
            "专有钉钉请由运维人员设置 DINGTALK_OAPI_ENDPOINT，或加入 BIFANG_ADDRESS_ALLOW_LIST。"
        )
    if parts.path != "/robot/send" or parts.fragment or not _ROBOT_QUERY.fullmatch(parts.query):
        raise ConfigError(
            "自定义机器人的地址不完整：请从钉钉的机器人设置中复制整个 Webhook 地址，形如 "
            f"https://{OAPI_HOST}/robot/send?access_token=…，不要加别的参数。"
        )


def check_proxy(proxy: str) -> None:
    """ConfigError unless ``proxy`` is empty or an http(s) proxy. SOCKS is refused with the remedy."""
    if not proxy:
        return
    if proxy.lower().startswith("socks"):
        raise ConfigError(
            "不支持 SOCKS 代理：请改用 HTTP 代理（形如 http://代理主机:端口，多数代理软件同时提供），"
            "或在环境变量 NO_PROXY 中加入目标主机以直连。"
        )
    _host(_split(proxy, ("http", "https"), userinfo=True))


def check_listed_proxy(proxy: str, rules: AddressRules) -> None:
    """`check_proxy`, and ConfigError unless its host is on the operator's list: it sees every name we look for."""
    check_proxy(proxy)
    host = urlsplit(proxy).hostname or ""
    if not _is_listed(host.lower().rstrip("."), rules):
        raise ConfigError(
            f"代理的主机 {host} 不在允许范围内：请由运维人员加入环境变量 BIFANG_ADDRESS_ALLOW_LIST 并重启后再试，"
            "或留空，改用环境变量 HTTPS_PROXY。"
        )


def check_listed_address(url: str, rules: AddressRules, schemes: tuple[str, ...]) -> None:
    """ConfigError unless the host is on the operator's list: for services that only a company itself can have."""
    host = _host(_split(url, schemes))
    if rules.airgapped:
        refuse_name(host)
    if not _is_listed(host, rules):
        raise ConfigError(
            f"地址的主机 {host} 不在允许范围内：请由运维人员加入环境变量 BIFANG_ADDRESS_ALLOW_LIST 并重启后再试。"
        )


def is_forbidden(address: str) -> bool:
    """True for link-local and cloud metadata addresses, also when wrapped in an IPv6 address."""
    ip = _parse_ip(address)
    return ip is not None and any(ip in network for network in _FORBIDDEN)


def is_loopback(host: str) -> bool:
    """True for ``localhost`` and literal loopback addresses; names are not resolved."""
    ip = _parse_ip(host)
    return host == "localhost" or (ip is not None and ip.is_loopback)


def _split(url: str, schemes: tuple[str, ...], *, userinfo: bool = False) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ConfigError("地址格式不正确：请填写形如 https://主机[:端口] 的地址。") from None
    if parts.scheme not in schemes or not _HOST.fullmatch(parts.hostname or "") or _UNSAFE.search(url):
        raise ConfigError(f"地址格式不正确：请填写以 {schemes[-1]}:// 开头的完整地址，不要带空格或特殊字符。")
    if parts.username is not None and not userinfo:
        raise ConfigError("地址中不能包含用户名或密码，请删去 @ 之前的部分。")
    return parts


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").lower().rstrip(".")
    if is_forbidden(host):
        raise ConfigError(f"地址 {host} 属于链路本地或云主机元数据地址，禁止访问。")
    return host


def _parse_ip(text: str) -> IPAddress | None:
    try:
        ip = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return ip.ipv4_mapped
        if ip in _NAT64:
            return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip


def _is_trusted(host: str) -> bool:
    return host in TRUSTED_HOSTS or _WORKSPACE_HOST.fullmatch(host) is not None


def _is_listed(host: str, rules: AddressRules) -> bool:
    return host in rules.allowed_hosts or _is_local_simulator(host, rules)


def _is_local_simulator(host: str, rules: AddressRules) -> bool:
    return rules.simulator and is_loopback(host)


def _same_place(parts: SplitResult, base: SplitResult) -> bool:
    host, own = _host(parts), (base.hostname or "").lower().rstrip(".")
    return (host == own or (is_loopback(host) and is_loopback(own))) and _port(parts) == _port(base)


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme in ("https", "wss") else 80)
