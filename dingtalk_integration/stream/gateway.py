"""Asking DingTalk's gateway for a connection (POST /v1.0/gateway/connections/open)."""

from collections.abc import Mapping, Sequence
from platform import python_version
from typing import Any
from urllib.parse import quote_plus

from dingtalk_stream.version import VERSION_STRING

from bifang.core.errors import BadCredentials, RateLimited, RemoteError
from bifang.core.outbound.addresses import check_socket
from bifang.core.outbound.http import HttpClient, Response
from dingtalk_integration.stream.settings import StreamSettings

PATH = "/v1.0/gateway/connections/open"
UA = f"dingtalk-sdk-python/v{VERSION_STRING}-union"
HEADERS = {
    "Accept": "application/json",  # without it the gateway may answer XML
    "User-Agent": (
        f"DingTalkStream/1.0 SDK/{VERSION_STRING} Python/{python_version()} "
        "(+https://github.com/open-dingtalk/dingtalk-stream-sdk-python)"
    ),
}
_NO_PROOF = frozenset({"unknownerror", "system.err"})
_CREDENTIAL_WORDS = ("auth", "credential", "clientid", "clientsecret", "appkey", "appsecret")


async def ask(settings: StreamSettings, subscriptions: Sequence[Mapping[str, str]], local_ip: str) -> str:
    """The WebSocket address with its ticket (a secret, valid 90 s, usable once).

    Errors: BadCredentials and other permanent RemoteErrors need a person; transient ones are worth a retry.
    ConfigError: the answer or the proxy is not acceptable.
    """
    body = {
        "clientId": settings.client_id,
        "clientSecret": settings.client_secret,
        "subscriptions": list(subscriptions),
        "ua": UA,
        "localIp": local_ip,
    }
    async with HttpClient(connect_timeout=settings.connect_timeout_s, pool=2) as http:
        response = await http.request(
            "POST",
            settings.endpoint.rstrip("/") + PATH,
            json=body,
            headers=HEADERS,
            timeout=settings.open_timeout_s,
            proxy=settings.proxy,
        )
    return _socket_address(settings, _checked(response, settings))


def _socket_address(settings: StreamSettings, answer: Mapping[str, Any]) -> str:
    endpoint, ticket = answer.get("endpoint"), answer.get("ticket")
    if not (isinstance(endpoint, str) and isinstance(ticket, str) and endpoint and ticket):
        raise RemoteError(
            "钉钉网关的回答不完整（没有连接地址或票据），稍后自动重试；若持续出现，请检查接入地址是否正确。",
            permanent=False,
            status=200,
            code="bad_answer",
        )
    check_socket(endpoint, settings.rules, endpoint=settings.endpoint)
    return f"{endpoint}?ticket={quote_plus(ticket)}"


def _checked(response: Response, settings: StreamSettings) -> Mapping[str, Any]:
    """The answer of a success. Only DingTalk's own JSON proves a refusal; portals and proxies also say 401."""
    if response.status >= 500 or response.status in (404, 405, 407, 408, 429):
        raise _unavailable(response)
    answer = response.json()
    if not isinstance(answer, dict):
        raise _unavailable(response)
    if response.status == 200 and not answer.get("code"):
        return answer
    code, text = str(answer.get("code") or ""), str(answer.get("message") or "")[:200]
    if not code or code.lower() in _NO_PROOF:
        raise _unavailable(response)
    raise _refusal(response.status, code, text.replace(settings.client_secret or "\0", "***"))


def _unavailable(response: Response) -> RemoteError:
    message = (
        f"钉钉网关暂时不可用（HTTP {response.status}），将自动重试；若持续出现，请检查接入地址和网络出口。"
    )
    if response.status == 429:
        return RateLimited(message, retry_after=10.0, code="http_429")
    return RemoteError(message, permanent=False, status=response.status, code=f"http_{response.status}")


def _refusal(status: int, code: str, text: str) -> RemoteError:
    lower = code.lower()
    if "qpslimit" in lower or "throttling" in lower:
        return RateLimited(
            f"钉钉网关限流（{code}），稍后自动重试。", retry_after=10.0, status=status, code=code
        )
    if "ipnotinwhitelist" in lower:
        return RemoteError(
            f"本机出口 IP 不在应用的服务器出口 IP 白名单内（{code}）：请在钉钉开放平台的应用安全设置中加入。",
            permanent=True,
            status=status,
            code=code,
        )
    if status == 401 or any(word in lower for word in _CREDENTIAL_WORDS):
        return BadCredentials(
            f"凭证错误（{code}：{text}）：请在 系统配置 中核对 Client ID 和 Client Secret，"
            "并确认应用没有被停用或重置过密钥。",
            status=status,
            code=code,
        )
    return RemoteError(
        f"钉钉拒绝建立 Stream 连接（{code}：{text}）：请确认应用已发布、机器人的消息接收模式为 Stream 模式。",
        permanent=status in (400, 403),
        status=status,
        code=code,
    )
