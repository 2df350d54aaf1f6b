"""The stage of card tests with Feishu on it: a simulator, a configuration, a turn loop with a given handler."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from bifang.channels.cards.breaker import Breaker
from bifang.channels.cards.reaper import CardReaper
from bifang.channels.ports import Handler, Incoming, ReplyTarget
from bifang.channels.queues import inbox
from bifang.channels.workers import processes
from bifang.channels.workers.worker import WorkerLoop
from bifang.core.configuration import configs
from bifang.core.configuration.config_cache import ConfigCache
from feishu_integration.addresses import place_limiter
from feishu_integration.applications import FeishuDoors
from feishu_integration.cards.platform import card_service
from feishu_integration.channel import FeishuChannel
from secops_agent.services.decisions.settled_cards import outdated
from tests.deadline import wait_until
from tests.dingtalk.card_stage import CardStage
from tests.feishu_simulator import FeishuHandle, running_feishu

ROOM = "oc_room"
_numbers = count(1)


class FeishuCardStage(CardStage):
    """One Feishu in place of the DingTalk."""

    sim: FeishuHandle  # type: ignore[assignment]  # the other platform

    def build(self, owner: processes.Owner, *, limits: bool) -> WorkerLoop:
        """The loop of one process."""
        doors, places = FeishuDoors(ConfigCache()), place_limiter(on=limits)
        cards = card_service(doors, places, Breaker(lambda: self.clock[0]))
        channel = FeishuChannel(doors, cards, places)
        handlers: dict[str, Handler] = {"chat": cards.attend(self._knowing(doors, self.script.handle))}
        return WorkerLoop(
            owner, handlers, channel,
            sink=cards.sink, jobs=(CardReaper(cards, outdated, every=1.0),), on_close=channel.close,
        )  # fmt: skip

    def say(self, text: str = "你好", *, staff_id: str = "ou_lisi", group: bool = True) -> str:
        """Somebody says something, and it is stored; its message id."""
        where = {"chat_id": ROOM, "group": True} if group else {}
        said = self.sim.message(text, open_id=staff_id, at_bot=False, **where)
        target = ReplyTarget(said["chat_id"], group, staff_id, message_id=said["message_id"])
        item = Incoming(
            self.config_id, "chat", said["message_id"], said["chat_id"], staff_id, text,
            payload={"nick": "李四", "staff_id": staff_id}, target=target,
        )  # fmt: skip
        inbox.store([item])
        for loop in self.loops:
            loop.wake()
        return str(said["message_id"])

    def heard(self, msg_type: str = "interactive") -> list[dict[str, Any]]:
        """What the bot said that way."""
        return [one for one in self.sim.replies() if one["msg_type"] == msg_type]

    def wait_card(self, probe: Any = bool, within: float = 15) -> dict[str, Any]:
        """The only card, as soon as the probe is true of it."""

        def look() -> dict[str, Any] | None:
            cards = self.heard()
            return cards[0] if len(cards) == 1 and probe(cards[0]) else None

        card = wait_until(look, within=within, every=0.01, what="the card")
        assert card is not None
        return card


@contextmanager
def open_feishu_stage(**options: Any) -> Iterator[FeishuCardStage]:
    """The stage; nothing runs yet. Options: those of the simulator."""
    with running_feishu(**options) as sim:
        given = {"client_id": "cli_demo", "client_secret": "demo-secret", "endpoint": sim.base_url}
        config, _ = configs.save("feishu", "飞书机器人", True, given)
        stage = FeishuCardStage(sim, config.pk)
        try:
            yield stage
        finally:
            stage.stop()
