"""Messages of the robot: over a sessionWebhook, to groups, to people."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bifang.core.errors import InvalidInput, RateLimited, RemoteError
from dingtalk_integration.openapi.api import OpenApi
from dingtalk_integration.openapi.errors import QPS_RETRY_S, check_legacy, not_twice

MAX_PEOPLE: Final = 20
PICTURE: Final = ".png"


@dataclass(frozen=True, slots=True)
class RobotMessage:
    """What the OpenAPI sends: ``msgKey`` and ``msgParam``."""

    key: str
    param: Mapping[str, str]

    def fields(self) -> dict[str, str]:
        """In the body of a call."""
        return {"msgKey": self.key, "msgParam": json.dumps(dict(self.param), ensure_ascii=False)}


def markdown_message(title: str, text: str) -> RobotMessage:
    """``title`` is what the notification shows."""
    return RobotMessage("sampleMarkdown", {"title": title, "text": text})


def file_message(media_id: str, name: str) -> RobotMessage:
    """A file that was uploaded; its type is its extension. A picture is seen in the conversation at once."""
    if name.endswith(PICTURE):
        return RobotMessage("sampleImageMsg", {"photoURL": media_id})
    extension = name.rpartition(".")[2].lower() if "." in name else "txt"
    return RobotMessage("sampleFile", {"mediaId": media_id, "fileName": name, "fileType": extension})


class Replies:
    """Messages are markdown, or files that were uploaded.

    None of them has a key to repeat it by: OutcomeUnknown where no answer came.
    """

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
        with not_twice():
            response = await self._api.http.request("POST", webhook, json=body, proxy=application.proxy)
            with self._api.meter.metering("webhook"):
                check_legacy(response)

    async def send_to_group(
        self, conversation_id: str, message: RobotMessage, *, robot_code: str = ""
    ) -> str:
        """Send to a group by its openConversationId; the processQueryKey. Cannot @ anyone."""
        body = {
            "robotCode": robot_code or self._api.application.robot,
            "openConversationId": conversation_id,
            **message.fields(),
        }
        answer = await self._api.call("POST", "/v1.0/robot/groupMessages/send", body, repeatable=False)
        return str(answer.get("processQueryKey") or "")

    async def send_to_people(
        self, staff_ids: Sequence[str], message: RobotMessage, *, robot_code: str = ""
    ) -> str:
        """Send to at most 20 people; the processQueryKey. Anyone not reached, even within a 200, is an error:
        RateLimited for flow control, else a permanent RemoteError that names them."""
        if not 1 <= len(staff_ids) <= MAX_PEOPLE:
            raise InvalidInput(f"单聊消息一次只能发给 1 到 {MAX_PEOPLE} 人，请分批发送。")
        body = {
            "robotCode": robot_code or self._api.application.robot,
            "userIds": list(staff_ids),
            **message.fields(),
        }
        answer = await self._api.call("POST", "/v1.0/robot/oToMessages/batchSend", body, repeatable=False)
        _check_everyone_reached(answer)
        return str(answer.get("processQueryKey") or "")


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
