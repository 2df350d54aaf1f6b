"""Feishu as a `Channel`: which way a reply goes, within Feishu's limits."""

from bifang.channels.cards.service import CardService
from bifang.channels.limits import Limiter
from bifang.channels.outgoing import without_taps
from bifang.channels.ports import Delivered, Part, Reply
from bifang.channels.splitting import split_markdown
from bifang.core.errors import RemoteError
from feishu_integration.addresses import address_of, mentioned, message_key, place_key
from feishu_integration.applications import FeishuDoors
from feishu_integration.cards.content import feishu_text, is_person
from feishu_integration.openapi.messages import post


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
        delivered = await self._cards.deliver(part)
        if delivered is not None:
            return delivered
        door, address = await self._doors.get(part.config_id), address_of(target)
        who = mentioned(target, part.at_staff_id)
        text = feishu_text(without_taps(part.text))
        message = post(part.title, text, who if is_person(who) else "")
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
