"""Actors: who does something; every change names one."""

from dataclasses import dataclass
from typing import Literal, Protocol


class Human(Protocol):
    """A Staff row, or a Person of `services.staff`."""

    @property
    def corp_id(self) -> str: ...
    @property
    def staff_id(self) -> str: ...
    @property
    def name(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Actor:
    """A person (``ident`` is "corporation:staff id"), an API token, or the system; ``via`` is the door used.

    A token that belongs to someone is named with them, because it acts as that person. ``sources``: what it may bring
    in must come from one of these; empty: from any.
    """

    kind: Literal["person", "token", "system"]
    ident: str
    name: str
    via: str
    sources: tuple[str, ...] = ()

    @property
    def named(self) -> tuple[str, str]:
        """Corporation and staff id of someone of the staff; two empty ones for everybody else."""
        corp_id, _, staff_id = self.ident.partition(":")
        return (corp_id, staff_id) if self.kind == "person" and corp_id != "user" else ("", "")

    @classmethod
    def person(cls, human: Human, via: str) -> "Actor":
        """Someone of the staff, by the door that they really used."""
        return cls("person", f"{human.corp_id}:{human.staff_id}", human.name, via)

    @classmethod
    def token(cls, ident: str, name: str, owner: str = "", sources: tuple[str, ...] = ()) -> "Actor":
        """An API token, and whose it is."""
        shown = f"{owner}（API 令牌「{name}」）"[:200] if owner else name
        return cls("token", ident, shown, "api", sources)

    @classmethod
    def system(cls, via: str) -> "Actor":
        """Bifang itself, for instance an import or a schedule."""
        return cls("system", "", "系统", via)
