"""Feishu as a `Channel`: which way a reply goes, within Feishu's limits."""

import logging

from bifang.channels.cards.service import CardService
from bifang.channels.limits import Limiter
from bifang.channels.ports import Delivered, FileToSend, Part, Reply
from bifang.channels.text.outgoing import without_taps
from bifang.channels.text.splitting import split_markdown
from bifang.core.errors import RemoteError
from feishu_integration.addresses import address_of, mentioned, message_key, place_key
from feishu_integration.applications import FeishuDoors
from feishu_integration.cards.content import feishu_text, is_person
from feishu_integration.openapi.messages import Message, file_message, post

log = logging.getLogger(__name__)


class FeishuChannel:
    """A card for what grew on one, has buttons or goes on; else a text message. One per event loop."""

    name = "feishu"

    def __init__(self, doors: FeishuDoors, cards: CardService, places: Limiter) -> None:
        self._doors, self._cards, self._places = doors, cards, places

    def split(self, reply: Reply) -> tuple[Reply, ...]:
        """What one message can carry."""
        return split_markdown(reply)

    async def deliver(self, part: Part) -> Delivered:
        """Send one part. The same part has the same key each time: Feishu shows it once."""
        target = part.target
        if target.robot:
            raise RemoteError("飞书配置不能用自定义机器人发送，请改用钉钉配置。", permanent=True)
        file = await self._uploaded(part, part.file) if part.file is not None else None
        if file is not None:
            return await self._send(part, file)
        delivered = await self._cards.deliver(part)
        if delivered is not None:
            return delivered
        who = mentioned(target, part.at_staff_id)
        text = feishu_text(without_taps(part.text))
        return await self._send(part, post(text, who if is_person(who) else ""))

    async def _uploaded(self, part: Part, file: FileToSend) -> Message | None:
        """None where Feishu takes no file (a scope is missing, it is too large): its text says where it is to be had."""
        door = await self._doors.get(part.config_id)
        try:
            return file_message(await door.media.upload(file.content, file.name))
        except RemoteError as error:
            if not error.permanent:
                raise
            log.warning("feishu 没有发出文件，改发文字：%s", error.message, extra={"config": part.config_id})
            return None

    async def _send(self, part: Part, message: Message) -> Delivered:
        target = part.target
        door, address = await self._doors.get(part.config_id), address_of(target)
        await self._places.enter(place_key(part.config_id, target))
        receipt = await door.messages.send(address, message, message_key(part.key))
        return Delivered("group" if target.is_group else "private", receipt)

    def share(self, processes: int) -> None:
        """Each of several workers keeps to its part of Feishu's limits."""
        self._places.share(processes)
        self._cards.platform.share(processes)

    async def close(self) -> None:
        """End what streams, close the HTTP connections of this loop."""
        await self._cards.close()
        await self._doors.close()
