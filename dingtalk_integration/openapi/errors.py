"""DingTalk's refusals as our errors, each with what to do. Codes: official error pages and field reports.

The OpenAPI answers 4xx/5xx with ``{code, message, requestid, accessdenieddetail}``; the older OAPI and webhooks
answer 200 with ``{errcode, errmsg}``.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from bifang.core.errors import BadCredentials, OutcomeUnknown, RateLimited, RemoteError, ReplyTargetExpired
from bifang.core.outbound.http import Response

TOKEN_ERRCODES: Final = frozenset({"33", "88", "40014", "42001"})
EXPIRED_SESSIONS: Final = frozenset({"300001"})
ROBOT_LIMITS: Final = frozenset({"130101", "302033"})
QPS_RETRY_S: Final = 2.0
ROBOT_RETRY_S: Final = 20.0
QUOTA_RETRY_S: Final = 3600.0


class QuotaUsedUp(RateLimited):
    """The organisation's calls of this month are used up: nothing but sessionWebhooks works until the reset."""

    def __init__(self, *, status: int, code: str) -> None:
        text = f"本企业的钉钉接口月度调用额度已用完（{code}）：请在钉钉开放平台购买增购包，或等到额度重置。"
        super().__init__(text, retry_after=QUOTA_RETRY_S, status=status, code=code)


class StaleToken(RemoteError):
    """The access token is no longer valid; a fresh one may be."""

    def as_bad_credentials(self) -> BadCredentials:
        """The same answer to the request for a token: then it is the credentials that are wrong."""
        return _credentials(self.code, "钉钉不认可该凭证", self.status)


def is_ambiguous(error: RemoteError) -> bool:
    """May the request have been carried out all the same? It was sent, and no answer of DingTalk's came back."""
    return error.code in ("timeout", "network") or error.status == 504


@contextmanager
def not_twice() -> Iterator[None]:
    """Around a request that DingTalk knows no key to repeat by. OutcomeUnknown where it may have been carried out."""
    try:
        yield
    except RemoteError as error:
        if is_ambiguous(error):
            raise OutcomeUnknown(error.message, status=error.status, code=error.code) from None
        raise


def check_openapi(response: Response) -> dict[str, Any]:
    """The body of a success, else an error (see the module)."""
    if 200 <= response.status < 300:
        answer = response.json() if response.body else {}
        return answer if isinstance(answer, dict) else {"result": answer}
    answer = _object(response)
    code, text = str(answer.get("code") or ""), _text(answer.get("message"))
    if not code:
        raise _faceless(response.status)
    raise _openapi_error(response.status, code, text, answer)


def check_legacy(response: Response) -> dict[str, Any]:
    """The body of a success (errcode 0), else an error."""
    answer = read_legacy(response)
    code = str(answer["errcode"])
    if code == "0":
        return answer
    raise _legacy_error(code, _text(answer.get("errmsg")))


def read_legacy(response: Response) -> dict[str, Any]:
    """The body, which has an ``errcode``; an error if no answer of DingTalk's is in it."""
    if response.status != 200:
        answer = _object(response)
        if "errcode" not in answer:
            raise _faceless(response.status)
    else:
        answer = response.json()
    if not isinstance(answer, dict) or "errcode" not in answer:
        raise RemoteError(
            "钉钉返回了无法识别的内容，将自动重试；若持续出现，请检查网络出口是否被代理或门户拦截。",
            permanent=False,
            status=response.status,
            code="bad_answer",
        )
    return answer


def _names_identity(code: str) -> bool:
    """Codes that mean: this application does not exist, or its secret is another."""
    lower = code.lower()
    return any(
        word in lower for word in ("authfailed", "invalidclient", "appkey", "appsecret", "notfoundapp")
    )


def _openapi_error(status: int, code: str, text: str, answer: Mapping[str, Any]) -> RemoteError:
    lower = code.lower()
    if "qpslimit" in lower or "throttling" in lower or status == 429:
        return RateLimited(
            f"钉钉接口限流（{code}），稍后自动重试。", retry_after=QPS_RETRY_S, status=status, code=code
        )
    if "apicountlimit" in lower:
        return QuotaUsedUp(status=status, code=code)
    if "permissiondenied" in lower:
        return _scope_error(status, code, answer)
    if "ipnotinwhitelist" in lower:
        text = (
            f"本机出口 IP 不在应用的服务器出口 IP 白名单内（{code}）：请在钉钉开放平台的应用安全设置中加入。"
        )
        return RemoteError(text, permanent=True, status=status, code=code)
    if "invalidauthentication" in lower or "accesstoken" in lower:
        return StaleToken(
            f"钉钉访问令牌失效（{code}），将自动更换。", permanent=False, status=status, code=code
        )
    if status == 401 or _names_identity(code):
        return _credentials(code, text, status)
    if status >= 500 or lower in ("unknownerror", "system.err"):
        return RemoteError(
            f"钉钉服务暂时出错（HTTP {status} {code}），将自动重试。",
            permanent=False,
            status=status,
            code=code,
        )
    return RemoteError(
        f"钉钉拒绝了请求（{code}：{text}）：请检查机器人是否仍在该会话中，以及机器人编码、接收人和模板是否正确。",
        permanent=True,
        status=status,
        code=code,
    )


def _scope_error(status: int, code: str, answer: Mapping[str, Any]) -> RemoteError:
    detail = answer.get("accessdenieddetail")
    scopes = detail.get("requiredScopes") if isinstance(detail, dict) else None
    named = "、".join(map(str, scopes)) if isinstance(scopes, list) and scopes else "（钉钉未说明）"
    return RemoteError(
        f"应用缺少接口权限 {named}：请在钉钉开放平台 → 应用 → 权限管理 中申请后重新发布应用。",
        permanent=True,
        status=status,
        code=code,
    )


def _credentials(code: str, text: str, status: int = 401) -> BadCredentials:
    """Shown as it is; DingTalk's text is kept because it tells a wrong ID from a wrong secret."""
    return BadCredentials(
        f"凭证错误（{code}：{text}）：请在 系统配置 中核对 Client ID 和 Client Secret。",
        status=status,
        code=code,
    )


def _legacy_error(code: str, text: str) -> RemoteError:
    if code in EXPIRED_SESSIONS:
        return ReplyTargetExpired(
            "会话地址（sessionWebhook）已过期或不存在，需改用机器人接口发送。", code=code
        )
    if code in ROBOT_LIMITS:
        return RateLimited(
            f"机器人发送过快（{code}：每分钟最多 20 条），稍后自动重试。",
            retry_after=ROBOT_RETRY_S,
            status=200,
            code=code,
        )
    if code in TOKEN_ERRCODES:
        return StaleToken(f"钉钉访问令牌失效（{code}），将自动更换。", permanent=False, status=200, code=code)
    if code == "90018":
        return RateLimited(
            f"钉钉接口限流（{code}），稍后自动重试。", retry_after=QPS_RETRY_S, status=200, code=code
        )
    if code == "90020":
        return QuotaUsedUp(status=200, code=code)
    return _other_legacy_error(code, text)


def _other_legacy_error(code: str, text: str) -> RemoteError:
    if code == "460101":
        message = "消息超过钉钉的长度限制（20000 字节），未发送：请缩短内容。"
    elif code == "310000":
        message = "钉钉机器人的安全设置（关键词、加签或 IP）拒绝了消息：请检查该机器人的安全设置。"
    elif code in ("40035", "40089"):
        return _credentials(code, text, 200)
    else:
        busy = code == "-1"  # 系统繁忙
        return RemoteError(f"钉钉拒绝了消息（{code}：{text}）。", permanent=not busy, status=200, code=code)
    return RemoteError(message, permanent=True, status=200, code=code)


def _faceless(status: int) -> RemoteError:
    """No error body of DingTalk's: a gateway, proxy or portal in between. Never a proof of anything."""
    if status == 429:
        return RateLimited(
            "钉钉接口限流（HTTP 429），稍后自动重试。", retry_after=QPS_RETRY_S, code="http_429"
        )
    return RemoteError(
        f"钉钉接口暂时不可用（HTTP {status}），将自动重试；若持续出现，请检查网络出口和代理。",
        permanent=False,
        status=status,
        code=f"http_{status}",
    )


def _object(response: Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except RemoteError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _text(value: Any) -> str:
    return str(value or "")[:200]
