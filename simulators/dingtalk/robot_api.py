"""``/v1.0/robot/…``: messages that a robot sends by itself, files of messages.

Paths and field names as in the official OpenAPI client. Failures for single receivers are inside a 200.
"""

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from simulators.calls import Ring
from simulators.history import Entry
from simulators.values import mint

from .openapi import Call, OpenApi, Refusal
from .world import World

MAX_RECEIVERS = 20
REMINDED = {1: "app", 2: "sms", 3: "call"}
TEXT_KEYS = {
    "sampleText": ("text", "content"),
    "sampleMarkdown": ("markdown", "text"),
    "sampleLink": ("link", "text"),
    "sampleImageMsg": ("picture", "photoURL"),
    "sampleAudio": ("audio", "mediaId"),
    "sampleVideo": ("video", "videoMediaId"),
    "sampleFile": ("file", "fileName"),
}


@dataclass(slots=True)
class RobotApi:
    """The endpoints."""

    world: World
    openapi: OpenApi

    def routes(self) -> list[web.RouteDef]:
        """All endpoints."""
        guard = self.openapi.guard
        return [
            web.post("/v1.0/robot/groupMessages/send", guard(self.send_group)),
            web.post("/v1.0/robot/groupMessages/query", guard(self.query_group)),
            web.post("/v1.0/robot/oToMessages/batchSend", guard(self.send_private)),
            web.get("/v1.0/robot/oToMessages/readStatus", guard(self.read_status)),
            # DingTalk really writes "oto" in lower case here.
            web.post("/v1.0/robot/messageFiles/download", guard(self.locate_file)),
            web.post("/v1.0/robot/ding/send", guard(self.ding)),
            web.post("/v1.0/robot/ding/recall", guard(self.recall_ding)),
        ]

    def send_group(self, call: Call) -> dict[str, Any]:
        """A message to a group."""
        call.check_robot_code()
        (conversation_id,) = call.need("openConversationId")
        room = self.world.conversations.find(call.robot.client_id, str(conversation_id))
        if room is None or not room.is_group:
            raise Refusal(400, "invalidParameter.openConversationId.invalid", "群不存在或机器人不在群里")
        key = mint("query-")
        self._record(call, "group", room.id, key)
        return {"processQueryKey": key}

    def send_private(self, call: Call) -> dict[str, Any]:
        """A message to up to 20 people, in their single chats."""
        call.check_robot_code()
        (user_ids,) = call.need("userIds")
        if not isinstance(user_ids, list) or len(user_ids) > MAX_RECEIVERS:
            raise Refusal(400, "invalidParameter.userIds.invalid", "userIds 每次最多 20 个")
        key, invalid = mint("query-"), []
        parse_message(call)
        for user_id in user_ids:
            person = self.world.people.find_staff(str(user_id))
            if person is None:
                invalid.append(user_id)
                continue
            room = self.world.conversations.find_single(call.robot.client_id, person.key)
            self._record(call, "private", room.id, key)
        return {
            "processQueryKey": key,
            "invalidStaffIdList": invalid,
            "flowControlledStaffIdList": [],
            "filteredStaffIdList": [],
        }

    def query_group(self, call: Call) -> dict[str, Any]:
        """Whether a group message went out."""
        call.check_robot_code()
        (key,) = call.need("processQueryKey")
        known = any(entry.receipt == key for entry in self.world.history.robot_entries(call.robot.client_id))
        return {
            "hasMore": False,
            "nextToken": "",
            "readUserIds": [],
            "sendStatus": "SUCCESS" if known else "FAILED",
        }

    def read_status(self, call: Call) -> dict[str, Any]:
        """Whether a private message went out; nobody has read it yet."""
        return {"sendStatus": "SUCCESS", "messageReadInfoList": []}

    def locate_file(self, call: Call) -> dict[str, Any]:
        """Where the file of a message can be fetched."""
        call.check_robot_code()
        (code,) = call.need("downloadCode")
        return {"downloadUrl": f"{self.world.base_url}/sim/files/{code}"}

    def ding(self, call: Call) -> dict[str, Any]:
        """Call people: in the application, by text message, by telephone."""
        call.check_robot_code()
        remind_type, people, content = call.need("remindType", "receiverUserIdList", "content")
        client_id, faults = call.robot.client_id, self.world.faults
        if (code := faults.take("ding_error", client_id)) is not None:
            raise Refusal(400, str(code), "故障注入")
        if remind_type not in REMINDED or not isinstance(people, list):
            raise Refusal(400, "invalidParameter.param.invalid", "参数不合法")
        if len(people) > (200 if remind_type == 1 else MAX_RECEIVERS):
            raise Refusal(400, "ding.receivercount.limit", "ding receiver count limit")
        receipt, reason = mint("ding-"), faults.take("ding_failed", client_id)
        found = [self.world.people.find_staff(str(each)) for each in people]
        if not all(found):
            raise Refusal(400, "miss.staffId", "无效的接收者id")
        if reason:
            return {"openDingId": receipt, "failedList": {str(reason): people}}
        for person in found:
            if person is not None:
                by, text = REMINDED[remind_type], str(content)
                self.world.telephones.rung.append(
                    Ring(client_id, by, person.staff_id, person.name, text, receipt)
                )
        self.world.history.publish(client_id, "connection", None)
        return {"openDingId": receipt, "failedList": {}}

    def recall_ding(self, call: Call) -> dict[str, Any]:
        """Take a DING back."""
        call.check_robot_code()
        (receipt,) = call.need("openDingId")
        mine = [each for each in self.world.telephones.rung if each.receipt == receipt]
        if not mine:
            raise Refusal(400, "invalidParameter.param.invalid", "没有这条 DING")
        for each in mine:
            each.recalled = True
        self.world.history.publish(call.robot.client_id, "connection", None)
        return {"openDingId": receipt}

    def _record(self, call: Call, route: str, conversation_id: str, key: str) -> None:
        msgtype, text = parse_message(call)
        self.world.history.add(
            Entry(
                id=mint("out"),
                client_id=call.robot.client_id,
                conversation_id=conversation_id,
                sender=call.robot.client_id,
                msgtype=msgtype,
                text=text,
                route=route,
                receipt=key,
                raw=call.body,
            )
        )


def parse_message(call: Call) -> tuple[str, str]:
    """(msgtype, text) of msgKey and msgParam. Refusal 400 if they are not what DingTalk takes."""
    key, param = call.need("msgKey", "msgParam")
    try:
        values = json.loads(param) if isinstance(param, str) else None
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise Refusal(400, "invalidParameter.msgParam.invalid", "msgParam 应是 JSON 字符串")
    msgtype, name = ("actionCard", "text") if "ActionCard" in key else TEXT_KEYS.get(key, ("", ""))
    if not msgtype:
        raise Refusal(400, "invalidParameter.msgKey.invalid", f"不支持的 msgKey：{key}")
    if not values.get(name):
        raise Refusal(400, "invalidParameter.msgParam.invalid", f"msgParam 缺少 {name}")
    return msgtype, str(values[name])
