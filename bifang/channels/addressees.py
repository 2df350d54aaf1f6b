"""What people and groups are called: a channel knows ids only, and whoever knows the names of people says them here."""

from collections.abc import Callable, Collection, Mapping

from bifang.channels.models import KnownGroup

Ident = tuple[int, str]  # a configuration, and the id of a person or a conversation there
Names = Callable[[Collection[Ident]], Mapping[Ident, str]]
_sources: list[Names] = []


def register_names(names: Names) -> None:
    """`names` tells what people are called whom it knows; registered once, when an application is ready."""
    if names not in _sources:
        _sources.append(names)


def names_of(people: Collection[Ident]) -> dict[Ident, str]:
    """Of those whom anybody knows."""
    return {ident: name for names in _sources for ident, name in names(people).items()} if people else {}


def groups_of(places: Collection[Ident]) -> dict[Ident, str]:
    """The titles of known groups; one query."""
    rows = KnownGroup.objects.filter(
        config__in={config_id for config_id, _ in places}, conversation_id__in={ident for _, ident in places}
    ).exclude(title="")
    return {(row.config_id, row.conversation_id): row.title for row in rows} if places else {}
