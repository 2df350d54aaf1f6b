"""Feishu's refusals as our errors, each with what to do (facts: OpenAPI). Success is ``code`` 0, whatever the status."""

import math
from typing import Any, Final

from bifang.core.errors import BadCredentials, RateLimited, RemoteError
from bifang.core.outbound.http import Response

TOO_OFTEN: Final = 99991400
STALE_TOKENS: Final = frozenset({99991663, 99991664, 99991668})
NO_SCOPE: Final = frozenset({99991672, 99991679})
PASSING: Final = frozenset({200810, 300120})  # somebody is clicking on the card; an internal error
RETRY_S, LONGEST_RETRY_S = 1.0, 60.0
_REFUSALS: Final = {
    230001: "消息内容不被接受",
    230002: "机器人不在这个群里，请重新把它加进群",
    230005: "对方已经不能接收消息",
    230006: "应用没有启用机器人能力，请在开发者后台启用后重新发布版本",
    230012: "不是机器人自己发的消息，不能加急",
    230023: "他未读的加急已有 200 条，要先读掉一些",
    230024: "企业的加急额度已用完，请联系企业管理员增购",
    230027: "应用缺少加急权限，请开通 im:message.urgent（短信 :sms，电话 :phone）后重新发布版本",
    230020: "对方已经不能接收消息",
    230031: "消息已超过 14 天，不能再更新",
    230099: "卡片内容不被接受",
    200740: "卡片不存在",
    200750: "卡片已超过 14 天，不能再更新",
    200860: "卡片内容超过 30 KB",
    234003: "文件不在这条消息里",
    234004: "机器人不在这个群里，请重新把它加进群",
    234037: "文件超过 100 MB，飞书不让应用下载；请拆分后再发",
}


class StaleTenantToken(RemoteError):
    """The tenant access token is no longer valid; a fresh one may be."""


def check_answer(response: Response) -> dict[str, Any]:
    """The body of a success, else an error (see the module)."""
    code, answer = _code_of(response)
    if code == TOO_OFTEN or response.status == 429:
        wait = _seconds(response.headers.get("x-ogw-ratelimit-reset", ""))
        raise RateLimited(f"飞书接口限流（{code}），稍后自动重试。", retry_after=wait, code=str(code))
    if code is None or response.status >= 500:
        raise RemoteError(
            f"飞书接口暂时不可用（HTTP {response.status}），将自动重试；若持续出现，请检查网络出口和代理。",
            permanent=False,
            status=response.status,
            code=f"http_{response.status}",
        )
    if code == 0:
        return answer
    raise _refusal(response.status, code, str(answer.get("msg") or "")[:200])


def bad_credentials(error: RemoteError) -> RemoteError:
    """A refusal of the request for a token: it is the credentials that are wrong."""
    text = f"凭证错误：飞书不认可应用的凭证（{error.code}）。请在 系统配置 中核对 App ID 和 App Secret。"
    return BadCredentials(text, status=error.status, code=error.code) if error.permanent else error


def _refusal(status: int, code: int, text: str) -> RemoteError:
    if code in STALE_TOKENS:
        stale = f"飞书访问令牌失效（{code}），将自动更换。"
        return StaleTenantToken(stale, permanent=False, status=status, code=str(code))
    if code in NO_SCOPE:
        message = f"应用缺少接口权限（{code}：{text}）：请在飞书开放平台的「权限管理」中开通后重新发布版本。"
    else:
        message = f"飞书拒绝了请求（{code}：{_REFUSALS.get(code, text)}）。"
    return RemoteError(message, permanent=code not in PASSING, status=status, code=str(code))


def _code_of(response: Response) -> tuple[int | None, dict[str, Any]]:
    try:
        answer = response.json()
    except RemoteError:
        return None, {}
    code = answer.get("code") if isinstance(answer, dict) else None
    known = isinstance(code, int) and not isinstance(code, bool)
    return (code, answer) if known else (None, {})


def _seconds(text: str) -> float:
    """What the header says to wait, within reason."""
    try:
        seconds = float(text)
    except ValueError:
        return RETRY_S
    return min(max(seconds, RETRY_S), LONGEST_RETRY_S) if math.isfinite(seconds) else RETRY_S
