"""Visibility of runbooks: the one place that says who may read which."""

from dataclasses import dataclass
from typing import Any, Final

from django.db.models import QuerySet

from secops_agent.models import Runbook
from secops_agent.models.people.staff import RANK, Role
from secops_agent.services.actors import Actor
from secops_agent.services.people.authority import authority_of, authority_of_login


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads. ``drafts``: what is not published, too; for writers, never for the agent."""

    role: Role = Role.VIEWER
    drafts: bool = False

    @property
    def roles(self) -> list[str]:
        """For whom it may be written: this role and those that it includes."""
        return [role.value for role in Role if RANK[role] <= RANK[self.role]]


EVERYONE: Final = Reader()  # a group, a program, a check that nobody asked for


def visible(reader: Reader) -> "QuerySet[Runbook]":
    """What this reader may read."""
    rows = Runbook.objects.filter(role__in=reader.roles)
    return rows if reader.drafts else rows.filter(published=True)


def reader_of(actor: Actor, *, drafts: bool) -> Reader:
    """Whoever a door let in is a viewer at least (a token may belong to nobody)."""
    return _reader(authority_of(actor), drafts=drafts)


def reader_at_page(user: Any) -> Reader:
    """Somebody who is logged in and reads what is published."""
    return _reader(authority_of_login(user), drafts=False)


def _reader(role: Role, *, drafts: bool) -> Reader:
    return Reader(max(role, Role.VIEWER, key=RANK.__getitem__), drafts)
