"""What the first page shows; every application adds its cards and steps."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest

from bifang.core.registry import Registry


@dataclass(frozen=True, slots=True)
class Panel:
    """One figure. ``tone``: ok, info, warn, high, critical, bad, idle. An empty ``link`` makes it plain."""

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


# The cards, and the steps, that this person may see.
CARDS: Final = Registry[Callable[[HttpRequest], Iterable[Panel]]]()
STEPS: Final = Registry[Callable[[HttpRequest], Iterable[Step]]]()


def cards(request: HttpRequest) -> list[Panel]:
    """All cards, in order, what is bad first."""
    found = (card for source in CARDS for card in source(request))
    return sorted(found, key=lambda card: card.tone != "bad")


def steps(request: HttpRequest) -> list[Step]:
    """All steps, in order."""
    return [step for source in STEPS for step in source(request)]
