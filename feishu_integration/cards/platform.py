"""Feishu as a platform of cards: a card entity for an answer that grows, a message of its own for the others."""

import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import timedelta
from typing import Any, Final

from django.conf import settings as django_settings

from bifang.channels.cards import repository
from bifang.channels.cards.breaker import Breaker
from bifang.channels.cards.ports import CardRef, Face, Passage
from bifang.channels.cards.service import CardService
from bifang.channels.limits import Limiter
from bifang.channels.ports import ReplyTarget
from bifang.core.database import db
from bifang.core.errors import RemoteError
from feishu_integration.addresses import address_of, mentioned, message_key, place_key
from feishu_integration.applications import FeishuDoor, FeishuDoors
from feishu_integration.cards.content import TEXT, card_json, feishu_text
from feishu_integration.openapi.cardkit import SEQUENCE_FELL, STREAM_CLOSED
from feishu_integration.openapi.messages import Message, entity, interactive
from secops_agent.services.people.eligibility import listed_name

RATE, PERIOD = 15, 1.1  # Feishu: 1,000 calls a minute (and 50 a second) for one application and API
RESERVE: Final = 5  # of RATE, for creating and completing
LEAP_MS: Final = 600_000  # how far the database's clock may have been set back, each time
LARGEST: Final = 2**31 - 1
LIFE: Final = timedelta(days=14) - timedelta(hours=1)  # Feishu: 14 days (facts: OpenAPI)


def card_service(doors: FeishuDoors, places: Limiter, breaker: Breaker | None = None) -> CardService:
    """Feishu's cards in one event loop. ``places``: the limit that all messages to a place share."""
    return CardService(FeishuCards(doors, places), listed_name, breaker)


class FeishuWire:
    """One card: of a message ("om_…", as Feishu calls all messages), else a card entity."""

    def __init__(self, card: CardRef, door: FeishuDoor, target: ReplyTarget | None) -> None:
        self._card, self._door, self._target = card, door, target
        self._remote_id = card.remote_id
        self._sequences = Sequences(card.age_ms)
        self._stream_closed = False

    async def create(self, face: Face, at: Mapping[str, str], *, growing: bool) -> None:
        """Send it. The entity is remembered before, the message has a key of its own: sent again, it is the same."""
        if self._target is None:
            raise RemoteError("卡片没有可以发送的会话。", permanent=True, code="no_place")
        who = mentioned(self._target, next(iter(at), ""))
        if growing and not self._remote_id:
            await self._remember(await self._door.cardkit.create(self._json(face, who, streaming=True)))
        if self._entity:
            await self._send(entity(self._remote_id))
        elif not self._remote_id:
            await self._remember(await self._send(interactive(self._json(face, who))))

    async def show(self, text: str) -> None:
        """Into the Markdown; once Feishu has closed the stream, the answer comes at the end."""
        if self._stream_closed or not self._entity:
            return
        cardkit, shown = self._door.cardkit, feishu_text(text)
        try:
            await self._in_sequence(lambda number: cardkit.show(self._remote_id, TEXT, shown, number))
        except RemoteError as error:
            if error.code not in STREAM_CLOSED:
                raise
            self._stream_closed = True

    async def begin_typing(self) -> None:
        """Feishu shows a typewriter by itself."""

    async def finalize(self, face: Face) -> None:
        """End the stream of an entity; what it shows then comes with `update`."""
        if self._entity:
            cardkit = self._door.cardkit
            await self._in_sequence(lambda number: cardkit.end_stream(self._remote_id, number))

    async def update(self, face: Face, own: Collection[str]) -> None:
        """Replace the whole card. Nobody sees a title of their own here."""
        if not self._remote_id:
            return  # nobody ever saw it
        card, cardkit = self._json(face), self._door.cardkit
        if self._entity:
            await self._in_sequence(lambda number: cardkit.replace(self._remote_id, card, number))
        else:
            await self._door.messages.replace(self._remote_id, interactive(card))

    @property
    def _entity(self) -> bool:
        return bool(self._remote_id) and not self._remote_id.startswith("om_")

    def _json(self, face: Face, who: str = "", *, streaming: bool = False) -> dict[str, Any]:
        buttons, track_id = face.buttons or (), self._card.track_id
        return card_json(face.title, face.text, buttons, track_id, streaming=streaming, at=who)

    async def _send(self, message: Message) -> str:
        assert self._target is not None
        key = message_key(self._card.track_id)
        return await self._door.messages.send(address_of(self._target), message, key)

    async def _remember(self, remote_id: str) -> None:
        self._remote_id = remote_id
        await db.call(repository.remember, self._card.pk, remote_id)

    async def _in_sequence(self, operation: Callable[[int], Awaitable[None]]) -> None:
        try:
            await operation(self._sequences.take())
        except RemoteError as error:
            if error.code != SEQUENCE_FELL:
                raise
            self._sequences.leap()
            await operation(self._sequences.take())


class Sequences:
    """The milliseconds of a card's life by the database's clock: whoever takes the card over counts on above."""

    def __init__(self, age_ms: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._born = clock() - age_ms / 1000
        self._last = 0

    def take(self) -> int:
        """The next one."""
        age_ms = int((self._clock() - self._born) * 1000)
        self._last = min(max(self._last + 1, age_ms), LARGEST)
        return self._last

    def leap(self) -> None:
        """Somebody was ahead of our clock."""
        self._born -= LEAP_MS / 1000


class FeishuCards:
    """One per event loop."""

    kind, label, every_answer = "feishu", "飞书", False
    life: timedelta | None = LIFE

    def __init__(self, doors: FeishuDoors, places: Limiter) -> None:
        self._doors, self._places = doors, places
        self._calls = Limiter(RATE, PERIOD, on=django_settings.RATE_LIMITS, reserve=RESERVE)

    async def look(self, config_id: int) -> None:
        """See how the configuration is now."""
        await self._doors.get(config_id)

    def revision(self, config_id: int) -> int | None:
        """Of the configuration as last seen."""
        settings = self._doors.settings(config_id)
        return settings.revision if settings else None

    def streams(self, config_id: int) -> bool:
        """Where it is wanted; Feishu states no quota."""
        settings = self._doors.settings(config_id)
        return settings is None or settings.streams_cards

    def sends(self, config_id: int) -> bool:
        """Always: buttons need them."""
        return True

    async def open(self, card: CardRef, target: ReplyTarget | None) -> Passage:
        """The way to a card."""
        door = await self._doors.get(card.config_id)
        place = self._places.of(place_key(card.config_id, target)) if target else None
        return Passage(FeishuWire(card, door, target), self._calls.of(door.settings.client_id), place)

    def share(self, processes: int) -> None:
        """Each of several workers keeps to its part of Feishu's limits."""
        self._calls.share(processes)
