"""The calls about one card: what it shows made safe, through the application's limit, within a time-out."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from bifang.channels import outgoing
from bifang.channels.limits import Window
from bifang.core.errors import RemoteError
from dingtalk_integration.cards import content
from dingtalk_integration.openapi.cards import CardPlace, Cards

CALL_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class CardCalls:
    """All raise RateLimited or RemoteError."""

    cards: Cards
    window: Window
    track_id: str

    async def create(
        self,
        template_id: str,
        values: Mapping[str, str],
        place: CardPlace,
        at: Mapping[str, str],
        robot_code: str,
    ) -> None:
        """Show the card. A card that exists keeps what it shows."""
        await self.window.enter()
        async with _in_time():
            await self.cards.create_and_deliver(
                template_id,
                self.track_id,
                safe_values(values),
                place,
                at=at if place.is_group else {},
                robot_code=robot_code,
            )

    async def show(self, text: str) -> bool:
        """Show the text so far; False if there is no room for it now."""
        if not self.window.try_enter():
            return False
        async with _in_time():
            await self.cards.stream(self.track_id, content.KEY, outgoing.safe_text(text))
        return True

    async def finalize(self, text: str, *, failed: bool = False) -> None:
        """Show the last text and end the stream."""
        await self.window.enter()
        async with _in_time():
            shown = outgoing.safe_text(text)
            await self.cards.stream(self.track_id, content.KEY, shown, final=True, failed=failed)

    async def update(self, values: Mapping[str, str], own: Iterable[str] = ()) -> None:
        """Change variables; also for those who saw a title of their ``own``."""
        await self.window.enter()
        shown = safe_values(values)
        private = {who: {"title": shown["title"]} for who in own}
        async with _in_time():
            await self.cards.update(self.track_id, shown, private=private)


def safe_values(values: Mapping[str, str]) -> dict[str, str]:
    """A card's variables as they may be shown; its buttons' words are made safe where the buttons are packed."""
    doors = {content.KEY: outgoing.safe_text, "title": outgoing.safe_line}
    return {name: doors[name](value) if name in doors else value for name, value in values.items()}


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(CALL_S):
            yield
    except TimeoutError:
        raise RemoteError(
            f"钉钉卡片接口 {CALL_S:g} 秒内没有应答，将自动重试。", permanent=False, code="timeout"
        ) from None
