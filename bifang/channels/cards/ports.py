"""What passes between cards and the platform that shows them. Frozen, no Django."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, Protocol

from bifang.channels.limits import Window
from bifang.channels.ports import Button, ReplyTarget

Stage = Literal["thinking", "typing", "finished", "failed"]


@dataclass(frozen=True, slots=True)
class CardPlace:
    """Where a card appears: a group, or the private chat with ``staff_id`` (which only staff have)."""

    conversation_id: str
    is_group: bool
    staff_id: str = ""


@dataclass(frozen=True, slots=True)
class Face:
    """What a card shows: a title, Markdown, buttons. ``buttons`` None: it has none yet; (): no longer."""

    title: str
    text: str
    stage: Stage
    buttons: tuple[Button, ...] | None = None


@dataclass(frozen=True, slots=True)
class CardRef:
    """A card in the database. ``track_id`` is ours, ``remote_id`` the platform's name for it ("" before it has one, or
    where it goes by ours); ``age_ms``: since it was begun, by the database's clock."""

    pk: int
    config_id: int
    track_id: str
    remote_id: str = ""
    age_ms: int = 0


class CardWire(Protocol):
    """One card on the wire of a platform. All raise BifangError: RateLimited, permanent or not."""

    async def create(self, face: Face, at: Mapping[str, str], *, growing: bool) -> None:
        """Show the card; one that exists keeps what it shows. ``at``: staff id → name to mention in a group."""

    async def show(self, text: str) -> None:
        """Show the text so far on a card that grows."""

    async def begin_typing(self) -> None:
        """From now on the text is the answer."""

    async def finalize(self, face: Face) -> None:
        """End the stream with this text."""

    async def update(self, face: Face, own: Collection[str]) -> None:
        """Show this face; also to those who saw a title of their ``own``."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A card's wire and the limits before it. ``creating``: one more for the message that shows a new card."""

    wire: CardWire
    window: Window
    creating: Window | None = field(default=None)


class CardPlatform(Protocol):
    """A platform's cards; one per event loop. ``streams`` and ``sends`` go by the configuration as last looked at."""

    kind: str  # of its configurations
    label: str  # as people call it
    life: timedelta | None  # for which a message of ours can be changed; None: for ever
    every_answer: bool  # else an answer without buttons that never grew is an ordinary message

    async def look(self, config_id: int) -> None:
        """See how the configuration is now. Raises ConfigError or SecretError."""

    def revision(self, config_id: int) -> int | None:
        """Of the configuration as last seen; None before the first look."""

    def streams(self, config_id: int) -> bool:
        """May answers grow on their cards? True before the first look."""

    def sends(self, config_id: int) -> bool:
        """May messages be cards at all?"""

    async def open(self, card: CardRef, target: ReplyTarget | None) -> Passage:
        """The way to a card; ``target``: where it is to appear. Raises ConfigError or SecretError."""

    def share(self, processes: int) -> None:
        """Each of several workers keeps to its part of the platform's limits."""
