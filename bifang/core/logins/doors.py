"""Other ways to log in than a password: the applications register theirs, the login page shows them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bifang.core.registry import Registry


@dataclass(frozen=True, slots=True)
class Door:
    """A button of the login page. ``address`` takes ``next``."""

    label: str
    address: str


# Each gives those that are open now.
DOORS: Final = Registry[Callable[[], list[Door]]]()


def doors() -> list[Door]:
    """All that are open now."""
    return [door for find in DOORS for door in find()]
