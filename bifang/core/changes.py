"""What people change in the system itself, for whoever keeps the record (`RECORDERS`)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bifang.core.registry import Registry


@dataclass(frozen=True, slots=True)
class Author:
    """A user of the admin (``user_id``), or a part of the program (None); ``via`` is the door used.

    ``superuser``: may say where secrets are read and where they go. ``operator``: has the machine, and may say what runs
    on it.
    """

    user_id: int | None
    name: str
    via: str
    superuser: bool = False
    operator: bool = False


PROGRAM: Final = Author(None, "", "program", superuser=True)


@dataclass(frozen=True, slots=True)
class Change:
    """``what`` is a short Chinese phrase, ``subject`` is "config:3", ``detail`` holds no secret."""

    author: Author
    what: str
    subject: str
    detail: Mapping[str, Any] = field(default_factory=dict)


RECORDERS: Final = Registry[Callable[[Change], None]]()


def record(change: Change) -> None:
    """Pass a change on, in the caller's transaction."""
    for recorder in RECORDERS:
        recorder(change)
