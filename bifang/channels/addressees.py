"""What people and groups are called: a channel knows ids only, and whoever knows the names of people says them here."""

from collections.abc import Callable, Collection, Mapping
from typing import Final

from bifang.channels.models import KnownGroup
from bifang.core.registry import Registry

Ident = tuple[int, str]  # a configuration, and the id of a person or a conversation there
Names = Callable[[Collection[Ident]], Mapping[Ident, str]]
# What people are called, of those whom each function knows.
NAMES: Final = Registry[Names]()


def names_of(people: Collection[Ident]) -> dict[Ident, str]:
    """Of those whom anybody knows."""
    return {ident: name for names in NAMES for ident, name in names(people).items()} if people else {}


def groups_of(places: Collection[Ident]) -> dict[Ident, str]:
    """The titles of known groups; one query."""
    rows = KnownGroup.objects.filter(
        config__in={config_id for config_id, _ in places}, conversation_id__in={ident for _, ident in places}
    ).exclude(title="")
    return {(row.config_id, row.conversation_id): row.title for row in rows} if places else {}
