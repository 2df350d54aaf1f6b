"""Closes cards that nobody completes any more, and takes the buttons off those that were decided elsewhere."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from bifang.channels.cards import content, repository
from bifang.channels.cards.calls import open_calls
from bifang.channels.cards.models import CardState
from bifang.channels.cards.repository import Settled
from bifang.channels.cards.service import CardService
from bifang.channels.queues.claims import Remit
from bifang.core.database import db
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig

log = logging.getLogger(__name__)
EVERY_S: Final = 15.0
Outdated = Callable[[Remit], list[Settled]]  # cards whose question was answered elsewhere. Reads the database


class CardReaper:
    """Closes cards that nobody completes any more: at start-up, and from then on."""

    def __init__(
        self, cards: CardService, outdated: Outdated, config_id: int | None = None, every: float = EVERY_S
    ) -> None:
        self._cards = cards
        self._outdated = outdated
        self._every = every
        self._scope = Remit(cards.platform.kind, config_id)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; what cannot be closed now is tried again."""
        await self._look_ahead()
        while not stop.is_set():
            try:
                await self.look()
                await self.settle()
            except Exception:
                log.exception("关闭未完成的卡片时出错，稍后重试")
            await self._wait(stop)

    async def _look_ahead(self) -> None:
        """Know the configurations before their first turn: its card needs them."""
        try:
            for config_id in await db.call(_robots, self._scope):
                await self._look_at(config_id)
        except Exception:
            log.exception("预先读取卡片模板失败，将在第一次回复时读取")

    async def _look_at(self, config_id: int) -> None:
        try:
            await self._cards.platform.look(config_id)
        except BifangError as error:
            log.warning("%s", error.message, extra={"config": config_id})

    async def look(self) -> None:
        """Close every orphan that there is now."""
        for orphan in await db.call(repository.orphans, self._scope):
            text = _farewell(orphan)
            try:
                await self._close(orphan, text)
            except BifangError as error:
                if not error.permanent and not orphan.old:
                    log.warning(
                        "未完成的卡片暂时无法关闭：%s", error.message, extra={"config": orphan.config_id}
                    )
                    continue
                text = error.message
            await db.call(repository.close, orphan.pk, text)

    async def settle(self) -> None:
        """Take the buttons off cards whose question was answered elsewhere; what fails is tried again."""
        for card in await db.call(self._outdated, self._scope):
            try:
                calls = await open_calls(self._cards.platform, card, None)
                await calls.update(content.decided(card.title, card.text))
            except BifangError as error:
                log.warning("审批卡片没能更新：%s", error.message, extra={"config": card.config_id})
                if not error.permanent:
                    continue
            await db.call(repository.settle, card.pk, card.text)

    async def _close(self, orphan: repository.Orphan, text: str) -> None:
        calls = await open_calls(self._cards.platform, orphan, None)
        await calls.finalize(content.fail(text))
        await calls.update(content.fail(text))

    async def _wait(self, stop: asyncio.Event) -> None:
        left_over = self._cards.left_over
        waits = [asyncio.ensure_future(event.wait()) for event in (stop, left_over)]
        await asyncio.wait(waits, timeout=self._every, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        left_over.clear()


def _farewell(orphan: repository.Orphan) -> str:
    if orphan.state == CardState.GIVEN_UP:
        return "卡片无法继续更新，回复见随后的文字消息。"
    return "已停止。" if orphan.stopped else "处理中断，请重新提问。"


def _robots(scope: Remit) -> list[int]:
    robots = SystemConfig.objects.enabled(scope.kind)
    robots = robots if scope.config_id is None else robots.filter(pk=scope.config_id)
    return list(robots.values_list("pk", flat=True))
