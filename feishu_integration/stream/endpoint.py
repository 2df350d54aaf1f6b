"""Asking Feishu where to connect (POST /callback/ws/endpoint), and what a refused handshake means."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from bifang.core.errors import BadCredentials, RateLimited, RemoteError
from bifang.core.outbound.addresses import check_socket
from bifang.core.outbound.http import HttpClient, Response
from feishu_integration.stream.settings import FeishuLinkSettings

PATH: Final = "/callback/ws/endpoint"
HEADERS: Final = {"locale": "zh", "User-Agent": "bifang"}
BUSY: Final = frozenset({1, 1000040343})
TOO_MANY_CONNECTIONS: Final = "1000040350"
FREQUENT_S, RARE_S = 1.0, 600.0  # what we believe of a ping interval


@dataclass(frozen=True, slots=True)
class Opening:
    """The WebSocket address (a secret, used once), the service id that pings carry, and how often to ping."""

    url: str = field(repr=False)
    service: int
    ping_interval_s: float


async def ask(settings: FeishuLinkSettings) -> Opening:
    """Where to connect. Permanent errors need a person; transient ones are worth a retry."""
    async with HttpClient(connect_timeout=settings.connect_timeout_s, pool=2) as http:
        response = await http.request(
            "POST",
            settings.endpoint.rstrip("/") + PATH,
            json={"AppID": settings.app_id, "AppSecret": settings.app_secret},
            headers=HEADERS,
            timeout=settings.open_timeout_s,
            proxy=settings.proxy,
        )
    return _opening(settings, _checked(response, settings))


def ping_interval(config: Mapping[str, Any], default: float) -> float:
    """What a ClientConfig says of it. Its numbers about reconnecting are not ours: our own backoff is gentler."""
    seconds = config.get("PingInterval")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:  # NaN is not
        return default
    return float(min(max(seconds, FREQUENT_S), RARE_S))


def refused(headers: Mapping[str, str]) -> RemoteError | None:
    """What Feishu says of a handshake that it refuses; None if it was not Feishu who refused."""
    status, code = headers.get("Handshake-Status", ""), headers.get("Handshake-Autherrcode", "")
    if code == TOO_MANY_CONNECTIONS:
        text = "这个应用的长连接已达到上限（50 个）：请停掉多余的进程，或检查是否有别的程序也在用这个应用。"
        return RemoteError(text, permanent=True, code=code)
    if status == "403":
        text = "飞书拒绝了连接（403）：请确认应用是企业自建应用、已启用，并且事件订阅方式是「使用长连接接收事件」。"
        return RemoteError(text, permanent=True, code="403")
    if status == "514":
        text = f"飞书没有认可这次连接（514 {_plain(code)}），将自动重试；若一直如此，请核对 App ID 和 App Secret。"
        return RemoteError(text, permanent=False, code="514")
    return (
        RemoteError(f"飞书拒绝了连接（{_plain(status)}），将自动重试。", permanent=False, code="handshake")
        if status
        else None
    )


def _checked(response: Response, settings: FeishuLinkSettings) -> Mapping[str, Any]:
    """``data`` of a success. Only Feishu's own JSON proves a refusal; portals and proxies answer, too."""
    if response.status != 200:
        raise _unavailable(response)
    answer = response.json()
    code = answer.get("code") if isinstance(answer, dict) else None
    if isinstance(code, bool) or not isinstance(code, int):
        raise _unavailable(response)
    if code == 0:
        data = answer.get("data")
        return data if isinstance(data, dict) else {}
    if code in BUSY:
        raise RemoteError(f"飞书暂时不能建立长连接（{code}），将自动重试。", permanent=False, code=str(code))
    text = str(answer.get("msg") or "").replace(settings.app_secret or "\0", "***")[:200]
    raise BadCredentials(
        f"凭证错误：飞书不接受这个应用的长连接（{code}：{text}）。请核对 App ID 和 App Secret，并确认应用是企业自建应用、已启用。",
        status=200,
        code=str(code),
    )


def _opening(settings: FeishuLinkSettings, data: Mapping[str, Any]) -> Opening:
    url, config = data.get("URL"), data.get("ClientConfig")
    query = parse_qs(urlsplit(url).query) if isinstance(url, str) else {}
    service = query.get("service_id", [""])[0]
    known = isinstance(url, str) and query.get("device_id") and service.isascii() and service.isdigit()
    if not isinstance(url, str) or not known or len(service) > 18:
        raise RemoteError(
            "飞书的回答里没有可用的连接地址，将自动重试；若持续出现，请检查网络出口和接入地址。",
            permanent=False,
            status=200,
            code="bad_answer",
        )
    check_socket(url, settings.rules, endpoint=settings.endpoint)
    interval = ping_interval(config if isinstance(config, dict) else {}, settings.ping_interval_s)
    return Opening(url, int(service), interval)


def _unavailable(response: Response) -> RemoteError:
    text = f"飞书暂时不可用（HTTP {response.status}），将自动重试；若持续出现，请检查网络出口和代理。"
    if response.status == 429:
        return RateLimited(text, retry_after=10.0, code="http_429")
    return RemoteError(text, permanent=False, status=response.status, code=f"http_{response.status}")


def _plain(code: str) -> str:
    return code[:20] if code.isascii() and code.isalnum() else "未知"
