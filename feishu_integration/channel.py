"""Feishu as a `Channel`: which way a reply goes, within Feishu's limits."""

import logging
from hashlib import blake2b

from django.conf import settings as django_settings

from bifang.channels.limits import Limiter
from bifang.channels.outgoing import without_taps
from bifang.channels.ports import Delivered, FileToSend, Part, Reply
from bifang.channels.splitting import split_markdown
from bifang.core.errors import RemoteError
from feishu_integration.applications import FeishuDoor, FeishuDoors

log = logging.getLogger(__name__)
LIMIT, PERIOD = 5, 1.0  # Feishu: 5 messages a second to one person or one group
SLACK = 0.2  # seconds a call may take to arrive later than it was let through


class FeishuChannel:
    """An answer to the message that asked; what nobody asked for goes to the chat or the person. One per event loop."""

    name = "feishu"

    def __init__(self, doors: FeishuDoors) -> None:
        self._doors = doors
        self._places = Limiter(LIMIT, PERIOD + SLACK, on=django_settings.RATE_LIMITS)

    def split(self, reply: Reply) -> tuple[Reply, ...]:
        """What one message can carry."""
        return split_markdown(reply)

    async def deliver(self, part: Part) -> Delivered:
        """Send one part. The same part has the same key each time: Feishu shows it once."""
        target = part.target
        if target.robot:
            raise RemoteError("飞书配置不能用自定义机器人发送，请改用钉钉配置。", permanent=True)
        door = await self._doors.get(part.config_id)
        place = target.conversation_id if target.is_group or not target.staff_id else target.staff_id
        await self._places.enter((part.config_id, place))
        text, key = without_taps(part.text), message_key(part.key)
        if part.file is not None and (sent := await _send_file(door, part, part.file)):
            return sent
        if target.message_id:
            receipt = await door.messages.reply(target.message_id, part.title, text, key)
            return Delivered("group" if target.is_group else "private", receipt)
        if target.is_group:
            receipt = await door.messages.send("chat_id", place, part.title, text, key)
            return Delivered("group", receipt)
        if not target.staff_id:
            raise RemoteError("没有可用的回复地址：没有会话，也没有人员的 open_id。", permanent=True)
        return Delivered("private", await door.messages.send("open_id", place, part.title, text, key))

    def share(self, processes: int) -> None:
        """Each of several workers keeps to its part of Feishu's limits."""
        self._places.share(processes)


async def _send_file(door: FeishuDoor, part: Part, file: FileToSend) -> Delivered | None:
    """None where Feishu takes no file (a scope is missing, it is too large): then its text says where it is to be had."""
    target = part.target
    place = ("chat_id", target.conversation_id) if target.is_group else ("open_id", target.staff_id)
    try:
        file_key = await door.media.upload(file.content, file.name)
        receipt = await door.messages.send_file(*place, file_key, message_key(part.key))
    except RemoteError as error:
        if not error.permanent:
            raise
        log.warning("feishu 没有发出文件，改发文字：%s", error.message, extra={"config": part.config_id})
        return None
    return Delivered("group" if target.is_group else "private", receipt)


def message_key(key: str) -> str:
    """A part's key as Feishu takes one: at most 50 characters."""
    return blake2b(key.encode(), digest_size=20).hexdigest()
