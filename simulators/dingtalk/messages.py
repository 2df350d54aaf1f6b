"""People write to a robot: the callback of the chat message, and the bubble on the page."""

import json
from dataclasses import dataclass
from typing import Any

from bifang.core.errors import InvalidInput
from simulators.attachments import read_file
from simulators.history import Entry
from simulators.values import dump, mint, now_ms

from .conversations import Conversation, group_id
from .deliveries import Push
from .frames import CHAT_TOPIC, DELEGATE_TOPIC
from .options import Robot
from .people import OUTSIDER_KEY, Person
from .world import World

EMPTY_BODIES = {"picture", "audio", "video", "file", "richText"}
LABELS = {"picture": "[图片]", "audio": "[语音]", "video": "[视频]", "file": "[文件]", "richText": "[图文]"}


@dataclass(frozen=True, slots=True)
class Utterance:
    """Who says what, where, to which robot. ``body`` is the request with its optional extras."""

    robot: Robot
    room: Conversation
    person: Person
    nick: str
    text: str
    body: dict[str, Any]
    msg_id: str
    created: int

    @property
    def mentions(self) -> bool:
        """Whether it @s the robot. What a tapped link says (``link``) does not."""
        return self.room.is_group and not self.body.get("link") and bool(self.body.get("at_robot", True))


def say(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """Say something: ``{msg_id, delivered, conversation_id}``. InvalidInput names what is wrong.

    ``count`` says it that many times, with ``{i}`` in the text replaced by the number.
    """
    count = body.get("count") or 1
    if not isinstance(count, int) or not 1 <= count <= 10_000:
        raise InvalidInput(f"count 应是 1 到 10000 的整数，收到 {count!r}")
    if count == 1:
        return _say_once(world, body)
    results = [_say_once(world, {**body, "text": _number(body, i)}) for i in range(count)]
    return {**results[0], "msg_ids": [result["msg_id"] for result in results]}


def _number(body: dict[str, Any], index: int) -> str:
    return str(body.get("text") or "").replace("{i}", str(index))


def _say_once(world: World, body: dict[str, Any]) -> dict[str, Any]:
    if body.get("file") is not None:
        body = _with_file(world, body)
    utterance = _read(world, body)
    push = _build_push(world, utterance)
    entry = _show(world, utterance)
    delivered = False
    if utterance.robot.deaf:
        entry.state = utterance.robot.deaf
    elif _reaches_robot(world, utterance):
        delivered = world.deliveries.submit(push)
        entry.state = entry.state if entry.state == "acked" else ("sent" if delivered else "waiting")
    world.history.touch(entry)
    return {
        "msg_id": utterance.msg_id,
        "delivered": delivered,
        "conversation_id": utterance.room.id,
    }


def _with_file(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """``file``: ``{name, text}`` or ``{name, base64}`` becomes a file message, whose downloadCode gives the bytes."""
    (name, data), code = read_file(body["file"]), mint("download-")
    world.keep_file(code, data, name)
    content = {"spaceId": "1", "fileId": "2", "fileName": name, "downloadCode": code}
    return {**body, "msgtype": "file", "content": content, "text": str(body.get("text") or name)}


def _reaches_robot(world: World, said: Utterance) -> bool:
    """In a group only with an @. Whether a tapped ``dtmd:`` link needs one is not known: a fault decides."""
    if said.room.is_group and said.body.get("link"):
        return not world.faults.take("link_unheard", said.robot.client_id)
    return said.mentions or not said.room.is_group


def _read(world: World, body: dict[str, Any]) -> Utterance:
    robot = find_robot(world, body.get("client_id"))
    person = _find_person(world, body)
    return Utterance(
        robot=robot,
        room=_find_room(world, robot, person, body),
        person=person,
        nick=str(body.get("nick") or person.name),
        text=str(body.get("text") or ""),
        body=body,
        msg_id=str(body.get("msg_id") or mint("msg")),
        created=now_ms(),
    )


def find_robot(world: World, client_id: Any) -> Robot:
    """The robot named, or the first one. InvalidInput for a name that nobody has."""
    if not client_id:
        return next(iter(world.robots.values()))
    robot = world.robots.get(str(client_id or ""))
    if robot is None:
        raise InvalidInput(
            f"没有 client_id 为 {client_id!r} 的应用。已有：{'、'.join(list(world.robots)[:20])}"
        )
    return robot


def _find_person(world: World, body: dict[str, Any]) -> Person:
    if body.get("outsider"):
        return world.people.people[OUTSIDER_KEY]
    staff_id = str(body.get("staff_id") or "manager01")
    if staff_id == OUTSIDER_KEY:
        return world.people.people[OUTSIDER_KEY]
    return world.people.add(staff_id)


def _find_room(world: World, robot: Robot, person: Person, body: dict[str, Any]) -> Conversation:
    wanted = str(body.get("conversation_id") or "")
    room = world.conversations.find(robot.client_id, wanted)
    if room is None and body.get("group", True):
        room = world.conversations.ensure_group(
            robot.client_id, wanted or group_id(robot.client_id), str(body.get("conversation_title") or "")
        )
    elif room is None:
        room = world.conversations.ensure_single(robot.client_id, person.key, wanted)
    room.last_at = now_ms()
    return room


def _show(world: World, said: Utterance) -> Entry:
    msgtype = str(said.body.get("msgtype") or "text")
    content = said.body.get("content")
    raw = (
        {"msgtype": msgtype, "content": content, "nick": said.nick}
        if content or said.body.get("nick")
        else {}
    )
    entry = Entry(
        id=said.msg_id,
        client_id=said.robot.client_id,
        conversation_id=said.room.id,
        sender=said.person.key,
        msgtype=msgtype,
        text=said.text or LABELS.get(msgtype, "" if msgtype == "text" else f"[{msgtype}]"),
        at=said.created,
        at_user_ids=[said.robot.client_id] if said.mentions else [],
        state="local",
        raw=raw,
    )
    known = world.history.find(entry.client_id, entry.id)
    if known is not None:
        return known
    world.history.add(entry)
    return entry


def _build_push(world: World, said: Utterance) -> Push:
    topic = DELEGATE_TOPIC if said.body.get("delegate") else CHAT_TOPIC
    return Push(said.robot.client_id, "CALLBACK", topic, dump(_build_data(world, said)), said.msg_id)


def _build_data(world: World, said: Utterance) -> dict[str, Any]:
    """The callback's data (facts: chatbot message, field by field)."""
    person, robot, room = said.person, said.robot, said.room
    data: dict[str, Any] = {
        "conversationId": room.id,
        "conversationType": "2" if room.is_group else "1",
        "chatbotCorpId": "dingdemocorp",
        "chatbotUserId": robot.user_id,
        "msgId": said.msg_id,
        "senderId": person.sender_id,
        "senderNick": said.nick,
        "senderCorpId": str(said.body.get("corp_id") or person.corp_id),
        "isAdmin": person.is_admin,
        "createAt": said.created,
        "robotCode": robot.client_id,
        **_open_webhook(world, said),
        **_build_content(said),
    }
    if person.staff_id:
        data["senderStaffId"] = person.staff_id
    if room.is_group:
        data["conversationTitle"] = room.title
        data["isInAtList"] = said.mentions
        data["atUsers"] = [{"dingtalkId": robot.user_id}] if said.mentions else []
    if said.body.get("delegate"):
        data["hostingContext"] = {"userId": person.staff_id, "nick": said.nick}
        data["conversationMsgContext"] = [
            {"readStatus": "0", "senderUserId": person.staff_id, "sendTime": said.created}
        ]
    spelling = world.faults.take("over_quota", robot.client_id)
    world.metered["messages"] += not spelling
    return {**(_withhold(data, spelling) if spelling else data), **(said.body.get("extra") or {})}


def _withhold(data: dict[str, Any], spelling: Any) -> dict[str, Any]:
    """What arrives when the month's quota is used up; both spellings of the error were seen."""
    code, message = ("errCode", "errMsg") if spelling == "errCode" else ("errorCode", "errorMessage")
    kept = {name: value for name, value in data.items() if name not in ("text", "content")}
    return {**kept, code: 20001, message: "本月 Webhook 与 Stream 消息额度已用完"}


def _open_webhook(world: World, said: Utterance) -> dict[str, Any]:
    """``webhook_expired``: true says so in the expiry time; "silently" still promises a valid one."""
    expired = said.body.get("webhook_expired")
    ttl = -60.0 if expired else world.options.webhook_ttl_s
    token = world.sessions.open(said.robot.client_id, said.room.id, said.msg_id, ttl)
    promised = world.options.webhook_ttl_s if expired == "silently" else ttl
    return {
        "sessionWebhook": f"{world.base_url}/robot/sendBySession?session={token}",
        "sessionWebhookExpiredTime": said.created + int(promised * 1000),
    }


def _build_content(said: Utterance) -> dict[str, Any]:
    msgtype = str(said.body.get("msgtype") or "text")
    content = said.body.get("content")
    text = f" {said.text}" if said.mentions else said.text
    if msgtype == "text":
        return {"msgtype": "text", "text": {"content": text}}
    if msgtype == "quoted":
        return _build_quote(text, content)
    if msgtype in ("unknown", "unknownMsgType"):
        return {"msgtype": "unknownMsgType", "content": content or {"unknownMsgType": "sticker"}}
    if content is None and msgtype in EMPTY_BODIES:
        content = _sample(msgtype, said.text)
    return {"msgtype": msgtype, "content": content if content is not None else {}}


def _build_quote(text: str, content: Any) -> dict[str, Any]:
    """A text that quotes another; the quoted content is an object, or (``as_string``) a JSON string."""
    given = content if isinstance(content, dict) else {"text": str(content or "")}
    quoted: Any = {"text": str(given.get("text") or "")}
    replied = {
        "msgType": str(given.get("msgtype") or "text"),
        "msgId": str(given.get("msg_id") or mint("msg")),
        "senderId": str(given.get("sender_id") or "$:LWCP_v1:$quoted"),
        "createdAt": now_ms(),
        "content": json.dumps(quoted, ensure_ascii=False) if given.get("as_string") else quoted,
    }
    body = {"content": text, "isReplyMsg": True, "repliedMsg": replied}
    return {"msgtype": "text", "text": body, "originalMsgId": replied["msgId"]}


def _sample(msgtype: str, text: str) -> Any:
    code = mint("download-")
    if msgtype == "picture":
        return {"downloadCode": code, "pictureDownloadCode": code}
    if msgtype == "audio":
        return {"downloadCode": code, "recognition": text or "今天有哪些严重告警", "duration": 3200}
    if msgtype == "video":
        return {"duration": 8, "videoType": "mp4", "downloadCode": code}
    if msgtype == "file":
        return {"spaceId": "1", "fileId": "2", "fileName": text or "扫描报告.json", "downloadCode": code}
    return {"richText": [{"text": text or "看一下这张截图"}, {"type": "picture", "downloadCode": code}]}
