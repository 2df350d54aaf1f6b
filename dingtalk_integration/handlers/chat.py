"""Chat messages: from the callback's data to the inbox, and from the inbox to the agent."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from bifang.channels.ports import Incoming, ReplySink, ReplyTarget, Turn, TurnResult
from bifang.channels.queues.targets import read_ms
from bifang.channels.text.markup import literal
from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.configuration.configs import learn
from bifang.core.database import db
from dingtalk_integration.applications import ApplicationClients
from dingtalk_integration.config import DingTalkSettings
from dingtalk_integration.handlers.contents import Content, read_content, text_of
from dingtalk_integration.handlers.organisation_events import SOURCE
from dingtalk_integration.models import Purpose
from dingtalk_integration.quotas.api_usage import spending
from dingtalk_integration.stream.frames import DELEGATE_TOPIC, Frame
from dingtalk_integration.webhook.frames import HTTP
from secops_agent.agent.acting.attachments import Attachment
from secops_agent.agent.acting.orders import is_urgent
from secops_agent.agent.conversation.group_watch import GroupWatch
from secops_agent.agent.service import Agent, Talk
from secops_agent.models import Role
from secops_agent.services.people.staff import Person, learn_corporation
from secops_agent.web_chat.lines import is_web

log = logging.getLogger(__name__)
OUTSIDER = "外部人员，已忽略"
UNKNOWN = "没有回答：不知道机器人是哪个企业的。请在系统配置里填写这份配置的「企业 CorpId」。"
GROUP = "2"


def normalise(frame: Frame, config_id: int) -> Incoming:
    """The stored form of a chat callback. Never fails; a missing msgId falls back to the frame's id."""
    data: Mapping[str, Any] = frame.data or {}
    content = read_content(data)
    return Incoming(
        config_id=config_id,
        kind="chat",
        external_id=text_of(data, "msgId") or frame.message_id,
        conversation_id=text_of(data, "conversationId"),
        sender_id=text_of(data, "senderStaffId") or text_of(data, "senderId"),
        text=content.text,
        payload=_payload(frame, data, content),
        target=_target(data),
        urgent=is_urgent(content.text),
        said_ms=read_ms(text_of(data, "createAt")),
    )


def _payload(frame: Frame, data: Mapping[str, Any], content: Content) -> dict[str, Any]:
    """What the turn needs beside the columns; never the sessionWebhook."""
    fields = {
        "msgtype": text_of(data, "msgtype"),
        "staff_id": text_of(data, "senderStaffId"),
        "nick": literal(text_of(data, "senderNick"))[:100],
        "corp_id": text_of(data, "senderCorpId"),
        "robot_corp_id": text_of(data, "chatbotCorpId"),
        "conversation_title": literal(text_of(data, "conversationTitle"))[:200],
        "once_a_day": content.over_quota,
        "quoted": content.quoted,
        "cannot_read": content.cannot_read,
        "files": [dict(file) for file in content.files],
        "delegated": frame.topic == DELEGATE_TOPIC,
        "door": frame.header("door"),
    }
    return {name: value for name, value in fields.items() if value}


def _target(data: Mapping[str, Any]) -> ReplyTarget:
    expires = text_of(data, "sessionWebhookExpiredTime")
    return ReplyTarget(
        conversation_id=text_of(data, "conversationId"),
        is_group=text_of(data, "conversationType") == GROUP,
        staff_id=text_of(data, "senderStaffId"),
        robot_code=text_of(data, "robotCode"),
        webhook=text_of(data, "sessionWebhook"),
        webhook_expires_ms=read_ms(expires),
    )


class ChatTurns:
    """Has chat messages answered by the agent, for people of the configuration's own corporation only."""

    def __init__(self, configs: ConfigCache, agent: Agent, clients: ApplicationClients | None = None) -> None:
        self._configs = configs
        self._clients = clients or ApplicationClients(configs)
        self._agent = agent
        self._corporations: dict[int, str] = {}
        self._groups = GroupWatch(SOURCE)

    async def handle(self, turn: Turn, sink: ReplySink) -> TurnResult:
        """The agent's answer; nothing for an outsider."""
        settings: DingTalkSettings = await self._configs.get(turn.config_id)
        payload, known = turn.payload, {"config": settings.id, "message_id": turn.external_id}
        staff_id, corp_id = payload.get("staff_id", ""), payload.get("corp_id", "")
        own = await self._corporation(settings, payload)
        # A page knows who is logged in, if not yet whose robot it is.
        if not own and not is_web(turn.target):
            log.warning("dingtalk %s", UNKNOWN, extra=known)
            return TurnResult(note=UNKNOWN)
        if not staff_id or corp_id != own:
            log.info("dingtalk 忽略企业外人员的消息", extra=known)
            await self._groups.outsider(turn, own)
            return TurnResult(note=OUTSIDER)
        await self._groups.heard(turn)
        talk = Talk(
            Person(corp_id, staff_id, payload.get("nick", "") or staff_id, Role.NONE),
            turn.text,
            is_group=bool(turn.target and turn.target.is_group),
            default_role=settings.default_role,
            ai_configs=settings.ai_configs,
            model_offers=settings.model_offers,
            quoted=payload.get("quoted", ""),
            cannot_read=payload.get("cannot_read", ""),
            once_a_day=payload.get("once_a_day", False),
            attachment=self._attachment(turn),
        )
        return await self._agent.answer(turn, talk, sink)

    def _attachment(self, turn: Turn) -> Attachment | None:
        """The file that the message is; nothing of it is fetched before it is asked for."""
        files = turn.payload.get("files") or ()
        if turn.payload.get("msgtype") != "file" or not files:
            return None

        async def download(take: Callable[[bytes], object], most: int) -> None:
            client = await self._clients.get(turn.config_id)
            robot = turn.target.robot_code if turn.target else ""
            with spending(Purpose.ANSWER):
                await client.media.download(files[0]["download_code"], take, robot_code=robot, max_bytes=most)

        return Attachment(files[0].get("name") or "未命名", download)

    async def _corporation(self, settings: DingTalkSettings, payload: Mapping[str, Any]) -> str:
        """The configuration's corporation, "" while it is not known.

        Learned from the first message of a Stream: the robot's own, never the sender's. What comes by HTTP is not signed.
        """
        known = settings.corp_id or self._corporations.get(settings.id, "")
        seen = "" if payload.get("door") == HTTP else payload.get("robot_corp_id", "")
        if not known and seen:
            known = self._corporations[settings.id] = await db.call(learn, settings.id, "corp_id", seen)
            await db.call(learn_corporation, known, "dingtalk")
            log.info("dingtalk 得知企业 CorpId", extra={"config": settings.id})
        return known
