"""Messages of the robot: over a sessionWebhook, to groups, to people; recall; emotion replies."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bifang.core.errors import InvalidInput, RateLimited, RemoteError
from dingtalk_integration.openapi.api import OpenApi
from dingtalk_integration.openapi.errors import QPS_RETRY_S, check_legacy

MAX_PEOPLE: Final = 20
THINKING: Final = "🤔思考中"
_EMOTION_ID = "2659900"
_EMOTION_BACKGROUND = "im_bg_1"


class Replies:
    """Everything goes out as markdown. ``title`` is what the notification shows."""

    def __init__(self, api: OpenApi) -> None:
        self._api = api

    async def send_by_session(
        self, webhook: str, title: str, markdown: str, at_user_ids: Sequence[str] = ()
    ) -> None:
        """Answer into the conversation that a message came from; an @ shows only if ``@staffId`` is in the text.

        ReplyTargetExpired (errcode 300001): use the OpenAPI instead. RateLimited (130101, 302033), InvalidInput for
        a foreign webhook. The webhook is a bearer secret: it is in no message.
        """
        application = self._api.application
        application.endpoints.check_webhook(webhook)
        body = {
            "msgtype": "markdown",
            "markdown": {"title": title, "text": markdown},
            "at": {"atUserIds": list(at_user_ids)},
        }
        response = await self._api.http.request("POST", webhook, json=body, proxy=application.proxy)
        with self._api.meter.metering("webhook"):
            check_legacy(response)

    async def send_to_group(
        self, conversation_id: str, title: str, markdown: str, *, robot_code: str = ""
    ) -> str:
        """Send to a group by its openConversationId; the processQueryKey (for recall). Cannot @ anyone."""
        body = {
            "robotCode": robot_code or self._api.application.robot,
            "openConversationId": conversation_id,
            **_markdown(title, markdown),
        }
        answer = await self._api.call("POST", "/v1.0/robot/groupMessages/send", body)
        return str(answer.get("processQueryKey") or "")

    async def send_to_people(
        self, staff_ids: Sequence[str], title: str, markdown: str, *, robot_code: str = ""
    ) -> str:
        """Send to at most 20 people; the processQueryKey. Anyone not reached, even within a 200, is an error:
        RateLimited for flow control, else a permanent RemoteError that names them."""
        if not 1 <= len(staff_ids) <= MAX_PEOPLE:
            raise InvalidInput(f"单聊消息一次只能发给 1 到 {MAX_PEOPLE} 人，请分批发送。")
        body = {
            "robotCode": robot_code or self._api.application.robot,
            "userIds": list(staff_ids),
            **_markdown(title, markdown),
        }
        answer = await self._api.call("POST", "/v1.0/robot/oToMessages/batchSend", body)
        _check_everyone_reached(answer)
        return str(answer.get("processQueryKey") or "")

    async def recall_from_group(
        self, conversation_id: str, keys: Sequence[str], *, robot_code: str = ""
    ) -> None:
        """Take back messages sent by `send_to_group`; RemoteError names the first that could not be."""
        body = {
            "robotCode": robot_code or self._api.application.robot,
            "openConversationId": conversation_id,
            "processQueryKeys": list(keys),
        }
        _check_recalled(await self._api.call("POST", "/v1.0/robot/groupMessages/recall", body))

    async def recall_from_people(self, keys: Sequence[str], *, robot_code: str = "") -> None:
        """Take back messages sent by `send_to_people`. DingTalk spells this path with a lower-case "oto"."""
        body = {"robotCode": robot_code or self._api.application.robot, "processQueryKeys": list(keys)}
        _check_recalled(await self._api.call("POST", "/v1.0/robot/otoMessages/batchRecall", body))

    async def react(
        self, message_id: str, conversation_id: str, *, name: str = THINKING, robot_code: str = ""
    ) -> None:
        """Put an emotion on a received message (its msgId). It may race the message itself: retry on 5xx."""
        await self._emotion("reply", message_id, conversation_id, name, robot_code)

    async def unreact(
        self, message_id: str, conversation_id: str, *, name: str = THINKING, robot_code: str = ""
    ) -> None:
        """Take an emotion off again."""
        await self._emotion("recall", message_id, conversation_id, name, robot_code)

    async def _emotion(
        self, verb: str, message_id: str, conversation_id: str, name: str, robot_code: str
    ) -> None:
        body = {
            "robotCode": robot_code or self._api.application.robot,
            "openMsgId": message_id,
            "openConversationId": conversation_id,
            "emotionType": 2,
            "emotionName": name,
            "textEmotion": {
                "emotionId": _EMOTION_ID,
                "emotionName": name,
                "text": name,
                "backgroundId": _EMOTION_BACKGROUND,
            },
        }
        answer = await self._api.call("POST", f"/v1.0/robot/emotion/{verb}", body)
        if answer.get("success") is False:
            raise RemoteError("钉钉没有接受表情回应。", permanent=True, status=200, code="emotion")


def _markdown(title: str, text: str) -> dict[str, str]:
    param = json.dumps({"title": title, "text": text}, ensure_ascii=False)
    return {"msgKey": "sampleMarkdown", "msgParam": param}


def _check_everyone_reached(answer: Mapping[str, Any]) -> None:
    refused = [*(answer.get("invalidStaffIdList") or ()), *(answer.get("filteredStaffIdList") or ())]
    if refused:
        raise RemoteError(
            f"消息没有送达 {'、'.join(map(str, refused))}：请确认其仍在企业内、在机器人的可见范围内且未屏蔽机器人。",
            permanent=True,
            status=200,
            code="invalidStaffId",
        )
    if answer.get("flowControlledStaffIdList"):
        raise RateLimited(
            "发给个人的消息被钉钉限流，稍后自动重试。",
            retry_after=QPS_RETRY_S,
            status=200,
            code="flowControlled",
        )


def _check_recalled(answer: Mapping[str, Any]) -> None:
    failed = answer.get("failedResult")
    if isinstance(failed, dict) and failed:
        reason = str(next(iter(failed.values())))[:200]
        raise RemoteError(f"消息撤回失败：{reason}。", permanent=True, status=200, code="recall")
