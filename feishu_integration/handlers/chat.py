"""Chat messages: from the inbox to the agent."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from bifang.channels.ports import ReplySink, Turn, TurnResult
from bifang.core.database import db
from bifang.core.errors import BifangError
from feishu_integration.applications import FeishuDoor, FeishuDoors
from feishu_integration.config import FeishuSettings
from feishu_integration.handlers.contents import read_quote
from feishu_integration.handlers.organisation_events import SOURCE
from feishu_integration.handlers.tenants import learn_tenant
from secops_agent.agent.acting.attachments import Attachment
from secops_agent.agent.conversation.group_watch import GroupWatch
from secops_agent.agent.service import Agent, Talk
from secops_agent.models import Role
from secops_agent.services.people.eligibility import corporation_of
from secops_agent.services.people.staff import Person
from secops_agent.web_chat.lines import is_web

log = logging.getLogger(__name__)
OUTSIDER: Final = "外部人员，已忽略"
OTHERS: Final = "@ 的是别的机器人，已忽略"
NO_QUOTE: Final = "您引用的消息我读不到（可能缺少读取消息的权限）。请把要问的内容写出来。"


class FeishuTurns:
    """Has messages answered by the agent, for people of the configuration's own tenant only."""

    def __init__(self, doors: FeishuDoors, agent: Agent) -> None:
        self._doors = doors
        self._agent = agent
        self._groups = GroupWatch(SOURCE)

    async def handle(self, turn: Turn, sink: ReplySink) -> TurnResult:
        """The agent's answer; nothing for an outsider, or for another robot."""
        door, payload = await self._doors.get(turn.config_id), turn.payload
        staff_id, corp_id = payload.get("staff_id", ""), payload.get("corp_id", "")
        own = await _tenant(door.settings, payload)
        # A page knows who is logged in, if not yet whose robot it is.
        known = bool(own) or is_web(turn.target)
        if not staff_id or not known or corp_id != own or payload.get("sender_type", "user") != "user":
            log.info("feishu 忽略企业外人员的消息", extra={"config": turn.config_id})
            await self._groups.outsider(turn, own)
            return TurnResult(note=OUTSIDER)
        await self._groups.heard(turn)
        if not await _is_for_us(door, payload):
            return TurnResult(note=OTHERS)
        quoted = await _quoted(door, payload.get("quotes", ""))
        said = turn.text or quoted or payload.get("files")
        cannot_read = payload.get("cannot_read", "") or ("" if said else NO_QUOTE)
        talk = Talk(
            Person(corp_id, staff_id, staff_id, Role.NONE), turn.text, is_group=bool(turn.target and turn.target.is_group),
            default_role=door.settings.default_role, ai_configs=door.settings.ai_configs,
            model_offers=door.settings.model_offers, quoted=quoted, cannot_read=cannot_read, attachment=_attachment(door, turn),
        )  # fmt: skip
        return await self._agent.answer(turn, talk, sink)


async def _tenant(settings: FeishuSettings, payload: Mapping[str, Any]) -> str:
    """The configuration's tenant; learned from the first message: the application's own, not the sender's."""
    if settings.tenant_key:
        return settings.tenant_key
    seen = payload.get("robot_corp_id", "")
    if not seen:  # a question on a page; a message may have told since the settings were read
        return await db.call(corporation_of, settings.id)
    return await db.call(learn_tenant, settings.id, seen)


def _attachment(door: FeishuDoor, turn: Turn) -> Attachment | None:
    """The file that the message is; nothing of it is fetched before it is asked for."""
    files = turn.payload.get("files") or ()
    if not files:
        return None

    async def download(take: Callable[[bytes], object], most: int) -> None:
        await door.media.download(turn.external_id, files[0]["file_key"], take, most)

    return Attachment(files[0].get("name") or "未命名", download)


async def _is_for_us(door: FeishuDoor, payload: Mapping[str, Any]) -> bool:
    """Where robots are mentioned, are we one of them? Yes, as long as we do not know who we are."""
    bots = payload.get("bots")
    if not bots:
        return True
    try:
        own = await door.bot.open_id()
    except BifangError as error:
        log.warning(
            "feishu 查不到机器人自己的 open_id：%s", error.message, extra={"config": door.settings.id}
        )
        return True
    return not own or own in bots


async def _quoted(door: FeishuDoor, message_id: str) -> str:
    """What was answered; a question is answered without it, too."""
    if not message_id:
        return ""
    try:
        return read_quote(await door.messages.read(message_id))
    except BifangError as error:
        log.warning("feishu 读不到被引用的消息：%s", error.message, extra={"config": door.settings.id})
        return ""
