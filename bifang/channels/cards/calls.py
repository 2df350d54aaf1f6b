"""The calls about one card: what it shows made safe, through the platform's limits, within a time-out."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from bifang.channels.cards.ports import CardPlatform, CardRef, CardWire, Face
from bifang.channels.limits import Window
from bifang.channels.ports import ReplyTarget
from bifang.channels.text import outgoing
from bifang.core.errors import RemoteError

CALL_S: Final = 5.0


async def open_calls(platform: CardPlatform, card: CardRef, target: ReplyTarget | None) -> "CardCalls":
    """The calls about this card. Raises ConfigError or SecretError."""
    passage = await platform.open(card, target)
    return CardCalls(passage.wire, passage.window, passage.creating, platform.label)


@dataclass(frozen=True, slots=True)
class CardCalls:
    """All raise RateLimited or RemoteError."""

    wire: CardWire
    window: Window
    creating: Window | None
    label: str

    async def create(self, face: Face, at: Mapping[str, str], *, growing: bool = False) -> None:
        """Show the card. A card that exists keeps what it shows."""
        if self.creating is not None:
            await self.creating.enter()
        await self.window.enter()
        async with self._in_time():
            await self.wire.create(safe_face(face), at, growing=growing)

    async def show(self, text: str) -> bool:
        """Show the text so far; False if there is no room for it now."""
        if not self.window.try_enter():
            return False
        async with self._in_time():
            await self.wire.show(outgoing.safe_text(text))
        return True

    async def begin_typing(self) -> None:
        """From now on the text is the answer."""
        await self.window.enter()
        async with self._in_time():
            await self.wire.begin_typing()

    async def finalize(self, face: Face) -> None:
        """Show the last text and end the stream."""
        await self.window.enter()
        async with self._in_time():
            await self.wire.finalize(safe_face(face))

    async def update(self, face: Face, own: Collection[str] = ()) -> None:
        """Show this face; also to those who saw a title of their ``own``."""
        await self.window.enter()
        async with self._in_time():
            await self.wire.update(safe_face(face), own)

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(CALL_S):
                yield
        except TimeoutError:
            raise RemoteError(
                f"{self.label}卡片接口 {CALL_S:g} 秒内没有应答，将自动重试。", permanent=False, code="timeout"
            ) from None


def safe_face(face: Face) -> Face:
    """The face as it may be shown."""
    buttons = None if face.buttons is None else tuple(map(outgoing.safe_button, face.buttons))
    text, title = outgoing.safe_text(face.text), outgoing.safe_line(face.title)
    return replace(face, title=title, text=text, buttons=buttons)
