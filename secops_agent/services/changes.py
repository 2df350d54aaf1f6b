"""Changes that people make beside the chat, in the audit trail: in the transaction of the change, never with a secret."""

from collections.abc import Mapping
from typing import Any

from bifang.core.changes import Author, Change
from secops_agent.models.audit import AuditKind
from secops_agent.services.actors import Actor
from secops_agent.services.audit import append, entry
from secops_agent.services.eligibility import account_of


def keep(actor: Actor, what: str, subject: str, detail: Mapping[str, Any], text: str = "") -> None:
    """Write one down. ``text`` is a person's note."""
    append([entry(AuditKind.CHANGE, what, actor, subject=subject, text=text, detail=detail)])


def keep_change(change: Change) -> None:
    """The recorder of `bifang.core.changes`."""
    keep(actor_of(change.author), change.what, change.subject, change.detail)


def actor_of(author: Author) -> Actor:
    """The person behind a Django user: their Staff entry if they have one."""
    if author.user_id is None:
        return Actor.system(author.via)
    person = account_of(author.user_id)
    if person is not None:
        return Actor.person(person, via=author.via)
    return Actor("person", f"user:{author.user_id}", author.name, author.via)
