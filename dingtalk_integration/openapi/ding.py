"""DING messages of the robot: in the application, by text message, by telephone (facts: field, waking people).

Only 专业版 and 专属版 have them; text messages and telephone need a package. They have no key to repeat them by.
"""

from typing import Final, Literal

from bifang.core.errors import RateLimited, RemoteError
from dingtalk_integration.openapi.api import OpenApi

RemindType = Literal[1, 2, 3]  # in the application, text message, telephone
TOO_FAST_S: Final = 10.0
_REMEDIES: Final = {
    "ding.serverquota.insufficient": "DING 的权益或额度不足：请在钉钉管理后台增购「OpenAPI 发 DING」的短信或电话包。",
    "invalid.chatbotId": "机器人编码无效：请在钉钉开放平台核对应用的机器人。",
    "miss.staffId": "接收人无效：他可能已不在企业内，或不在应用的可见范围内。",
    "ding.receivercount.limit": "DING 的接收人超过上限。",
    "send.ding.exception": "钉钉没有发出这条 DING。",
}
EDITION: Final = (
    "DING 只有钉钉专业版、专属版能用，应用还要有权限「企业机器人发送撤回DING消息」（Premium.Ding.Write）。"
)


class Dings:
    """Calls one person at a time. OutcomeUnknown where no answer came."""

    def __init__(self, api: OpenApi) -> None:
        self._api = api

    async def send(self, staff_id: str, remind_type: RemindType, content: str) -> str:
        """Its openDingId. A receiver who was not reached, even within a 200, is a permanent RemoteError."""
        body = {
            "robotCode": self._api.application.robot,
            "remindType": remind_type,
            "receiverUserIdList": [staff_id],
            "content": content,
        }
        try:
            answer = await self._api.call("POST", "/v1.0/robot/ding/send", body, repeatable=False)
        except RemoteError as error:
            raise _read(error) from None
        failed = answer.get("failedList")
        if isinstance(failed, dict) and failed:
            why = "、".join(str(each)[:100] for each in failed)
            raise RemoteError(f"钉钉没有叫到他：{why}。", permanent=True, status=200, code="failedList")
        return str(answer.get("openDingId") or "")

    async def recall(self, ding_id: str) -> None:
        """Take one of ours back."""
        body = {"robotCode": self._api.application.robot, "openDingId": ding_id}
        await self._api.call("POST", "/v1.0/robot/ding/recall", body)


def _read(error: RemoteError) -> RemoteError:
    """What a refusal of a DING means, with what to do."""
    if error.code == "toomuch.msg":
        return RateLimited(
            "DING 发送过快，稍后再发。", retry_after=TOO_FAST_S, status=error.status, code=error.code
        )
    if "permissiondenied" in error.code.lower():
        return RemoteError(f"{EDITION}{error.message}", permanent=True, status=error.status, code=error.code)
    known = _REMEDIES.get(error.code)
    return RemoteError(known, permanent=True, status=error.status, code=error.code) if known else error
