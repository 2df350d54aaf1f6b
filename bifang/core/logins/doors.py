"""Other ways to log in than a password: the applications register theirs, the login page shows them."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Door:
    """A button of the login page. ``address`` takes ``next``."""

    label: str
    address: str


_finders: list[Callable[[], list[Door]]] = []


def register_doors(find: Callable[[], list[Door]]) -> None:
    """`find` gives those that are open now; called by an application's `ready()`."""
    if find not in _finders:
        _finders.append(find)


def doors() -> list[Door]:
    """All that are open now."""
    return [door for find in _finders for door in find()]
