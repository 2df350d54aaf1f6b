"""DingTalk as a platform of cards: which template, within which quota, over which calls."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings as django_settings

from bifang.channels.cards.breaker import Breaker
from bifang.channels.cards.content import place_of
from bifang.channels.cards.ports import CardRef, Face, Passage
from bifang.channels.cards.service import CardService
from bifang.channels.limits import Limiter
from bifang.channels.ports import ReplyTarget
from bifang.core.errors import InvalidInput
from dingtalk_integration.applications import ApplicationClients
from dingtalk_integration.cards.content import KEY, values_of
from dingtalk_integration.openapi.cards import INPUTTING, Cards
from secops_agent.services.people.eligibility import listed_name

# One limit for all card calls of an application, in which streaming leaves room for what must arrive.

RATE: Final = 15  # DingTalk: 20 calls a second for one application and API
PERIOD: Final = 1.1  # a second, and what a call may take to arrive later than it was let through
RESERVE: Final = 5  # of RATE, for creating and completing


def card_limiter(*, on: bool) -> Limiter:
    """A window for each client id."""
    return Limiter(RATE, PERIOD, on=on, reserve=RESERVE)


def card_service(
    clients: ApplicationClients, breaker: Breaker | None = None, limiter: Limiter | None = None
) -> CardService:
    """DingTalk's cards in one event loop."""
    return CardService(DingTalkCards(clients, limiter), listed_name, breaker)


@dataclass(frozen=True, slots=True)
class DingTalkWire:
    """One card, which goes by our name for it."""

    cards: Cards
    track_id: str
    template_id: str
    target: ReplyTarget | None

    async def create(self, face: Face, at: Mapping[str, str], *, growing: bool) -> None:
        """Create and deliver it; whether it grows is said by its ``flowStatus``."""
        place = place_of(self.target)
        if place is None or self.target is None:
            raise InvalidInput("卡片没有可以投放的会话。")
        await self.cards.create_and_deliver(
            self.template_id,
            self.track_id,
            values_of(face),
            place,
            at=at if place.is_group else {},
            robot_code=self.target.robot_code,
        )

    async def show(self, text: str) -> None:
        """Into the streaming variable."""
        await self.cards.stream(self.track_id, KEY, text)

    async def begin_typing(self) -> None:
        """The template shows a typewriter."""
        await self.cards.update(self.track_id, {"flowStatus": INPUTTING})

    async def finalize(self, face: Face) -> None:
        """The last text of the streaming variable."""
        await self.cards.stream(self.track_id, KEY, face.text, final=True, failed=face.stage == "failed")

    async def update(self, face: Face, own: Collection[str]) -> None:
        """Change variables; a title of their own gives way to the new one."""
        private = {who: {"title": face.title} for who in own}
        await self.cards.update(self.track_id, values_of(face), private=private)


class DingTalkCards:
    """One per event loop; one limit for all card calls of an application."""

    kind, label, every_answer = "dingtalk", "钉钉", True
    life: timedelta | None = None

    def __init__(self, clients: ApplicationClients, limiter: Limiter | None = None) -> None:
        self._clients = clients
        self._limiter = limiter or card_limiter(on=django_settings.RATE_LIMITS)

    async def look(self, config_id: int) -> None:
        """See how the configuration is now."""
        await self._clients.get(config_id)

    def revision(self, config_id: int) -> int | None:
        """Of the configuration as last seen."""
        settings = self._clients.settings(config_id)
        return settings.revision if settings else None

    def streams(self, config_id: int) -> bool:
        """With a template, where streaming is wanted and the quota is not to be spared."""
        settings = self._clients.settings(config_id)
        if settings is None:
            return True
        wanted = bool(settings.card_template_id) and settings.streams_cards
        return wanted and self.sends(config_id)

    def sends(self, config_id: int) -> bool:
        """Where the quota lasts."""
        return self._clients.counter.allowance(config_id).step == "full"

    async def open(self, card: CardRef, target: ReplyTarget | None) -> Passage:
        """The way to a card."""
        client = await self._clients.get(card.config_id)
        settings = client.settings
        wire = DingTalkWire(client.cards, card.track_id, settings.card_template_id, target)
        return Passage(wire, self._limiter.of(settings.client_id))

    def share(self, processes: int) -> None:
        """Each of several workers keeps to its part of DingTalk's limit."""
        self._limiter.share(processes)
