"""Authority: the actor behind a Django user, and the role behind an actor."""

from typing import Any

from bifang.core.changes import Author, Change
from secops_agent.models import ApiToken, Role
from secops_agent.models.people.staff import RANK
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.people.eligibility import account_of, listed
from secops_agent.services.people.logins import role_of, valid_user


def authority_of(actor: Actor) -> Role:
    """As the database knows it now. The system acts for the operator; a token without an owner for nobody."""
    match actor.kind:
        case "system":
            return Role.ADMIN
        case "token":
            owner = ApiToken.objects.filter(pk=actor.ident).values_list("owner_id", flat=True).first()
            return _of_user(owner)
    first, _, second = actor.ident.partition(":")
    if first == "user":  # a login that belongs to nobody of the staff
        return _of_user(int(second))
    row = listed(first, second)
    return max(Role(row.role), _of_user(row.user_id), key=RANK.__getitem__) if row else Role.NONE


def _of_user(user_id: int | None) -> Role:
    user = valid_user(user_id) if user_id else None
    return Role.NONE if user is None else authority_of_login(user)


def authority_of_login(user: Any) -> Role:
    """Of somebody who is logged in; their rows are read once a request."""
    return Role.ADMIN if user.is_superuser else role_of(user)


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
