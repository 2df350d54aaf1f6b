"""Who is at the keyboard: the person behind a Django user, as an actor."""

from bifang.core.changes import Author, Change
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.people.eligibility import account_of


def actor_of(author: Author) -> Actor:
    """The person behind a Django user: their Staff entry if they have one."""
    if author.user_id is None:
        return Actor.system(author.via)
    person = account_of(author.user_id)
    if person is not None:
        return Actor.person(person, via=author.via)
    return Actor("person", f"user:{author.user_id}", author.name, author.via)


def keep_change(change: Change) -> None:
    """The recorder of `bifang.core.changes`."""
    keep(actor_of(change.author), change.what, change.subject, change.detail)
