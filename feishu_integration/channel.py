"""Feishu as a `Channel`: which way a reply goes, within Feishu's limits."""

from hashlib import blake2b

from django.conf import settings as django_settings

from bifang.channels.limits import Limiter
from bifang.channels.outgoing import without_taps
from bifang.channels.ports import Delivered, Part, Reply
from bifang.channels.splitting import split_markdown
from bifang.core.errors import RemoteError
from feishu_integration.applications import FeishuDoors

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


def message_key(key: str) -> str:
    """A part's key as Feishu takes one: at most 50 characters."""
    return blake2b(key.encode(), digest_size=20).hexdigest()
