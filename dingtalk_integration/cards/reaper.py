"""Closes cards that nobody completes any more, and takes the buttons off those that were decided elsewhere."""

import asyncio
import logging
from typing import Final

from bifang.core import db
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from dingtalk_integration.cards import content, decided, repository
from dingtalk_integration.cards.calls import CardCalls
from dingtalk_integration.cards.service import CardService
from dingtalk_integration.models import CardState

log = logging.getLogger(__name__)
EVERY_S: Final = 15.0


class CardReaper:
    """Closes cards that nobody completes any more: at start-up, and from then on."""

    def __init__(
        self, cards: CardService, config_ids: frozenset[int] | None = None, every: float = EVERY_S
    ) -> None:
        self._cards = cards
        self._every = every
        self._config_ids = config_ids

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
            for config_id in await db.call(_robots):
                await self._look_at(config_id)
        except Exception:
            log.exception("预先读取卡片模板失败，将在第一次回复时读取")

    async def _look_at(self, config_id: int) -> None:
        try:
            await self._cards.clients.get(config_id)
        except BifangError as error:
            log.warning("%s", error.message, extra={"config": config_id})

    async def look(self) -> None:
        """Close every orphan that there is now."""
        for orphan in await db.call(repository.orphans, self._config_ids):
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
        for card in await db.call(decided.outdated, self._config_ids):
            try:
                client = await self._cards.clients.get(card.config_id)
                window = self._cards.limiter.of(client.settings.client_id)
                await CardCalls(client.cards, window, card.track_id).update(
                    content.decided(card.title, card.text)
                )
            except BifangError as error:
                log.warning("审批卡片没能更新：%s", error.message, extra={"config": card.config_id})
                if not error.permanent:
                    continue
            await db.call(repository.settle, card.pk, card.text)

    async def _close(self, orphan: repository.Orphan, text: str) -> None:
        client = await self._cards.clients.get(orphan.config_id)
        window = self._cards.limiter.of(client.settings.client_id)
        calls = CardCalls(client.cards, window, orphan.track_id)
        await calls.finalize(text, failed=True)
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


def _robots() -> list[int]:
    return list(SystemConfig.objects.enabled("dingtalk").values_list("pk", flat=True))
