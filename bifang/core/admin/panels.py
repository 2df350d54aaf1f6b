"""What the first page shows; every application adds its cards and steps."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Panel:
    """One figure. ``tone``: ok, info, warn, bad, idle. An empty ``link`` makes it plain."""

    title: str
    value: str
    note: str = ""
    tone: str = "idle"
    icon: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do before the system works; ``command`` is shown to be copied, and what is in ``more`` (title, text)."""

    title: str
    text: str
    done: bool
    link: str = ""
    command: str = ""
    more: tuple[tuple[str, str], ...] = ()


Cards = Callable[[HttpRequest], Iterable[Panel]]
Steps = Callable[[HttpRequest], Iterable[Step]]
_cards: list[tuple[int, Cards]] = []
_steps: list[tuple[int, Steps]] = []


def register_cards(place: int, source: Cards) -> None:
    """`source` gives the cards this person may see; smaller places come first."""
    _cards.append((place, source))


def register_steps(place: int, source: Steps) -> None:
    """`source` gives the steps of its application; smaller places come first."""
    _steps.append((place, source))


def cards(request: HttpRequest) -> list[Panel]:
    """All cards, in order."""
    return [card for _, source in sorted(_cards, key=lambda pair: pair[0]) for card in source(request)]


def steps(request: HttpRequest) -> list[Step]:
    """All steps, in order."""
    return [step for _, source in sorted(_steps, key=lambda pair: pair[0]) for step in source(request)]
