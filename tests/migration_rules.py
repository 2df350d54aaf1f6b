"""What a migration may do while a worker of the release before goes on: the findings of `faults`, in English, for us."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import models
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations import operations as ops
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED

from bifang.core.database.schema import contracts, release_number
from bifang.core.extensions import VERSION

POSTGRES: Final = DatabaseWrapper({"ENGINE": "django.db.backends.postgresql", "NAME": "x"})  # never connected
# Takes away what the release before uses, or forbids what it does.
_CONTRACTING: Final = (
    ops.RemoveField, ops.DeleteModel, ops.RenameField, ops.RenameModel, ops.AlterModelTable, ops.AddConstraint,
    ops.RemoveConstraint, ops.AlterUniqueTogether, ops.AlterIndexTogether, ops.AlterOrderWithRespectTo, ops.RunSQL,
)  # fmt: skip


def faults(migration: Migration, state: ProjectState) -> list[str]:
    """Why the release before cannot live with it; ``state``: what was there before."""
    name, last = f"{migration.app_label}.{migration.name}", contracts(migration.name)
    if last is not None and last >= release_number(VERSION):
        return [f"{name}: release {VERSION} is not later than the last one that uses what goes"]
    made: set[str] = set()
    found = []
    for operation in migration.operations:
        after = state.clone()
        operation.state_forwards(migration.app_label, after)
        if last is None:
            found += [f"{name}: {each}" for each in _operation(operation, migration, state, after, made)]
        state = after
    if any(isinstance(each, AddIndexConcurrently) for each in migration.operations) and migration.atomic:
        found.append(f"{name}: an index is built live with atomic = False only")
    return found


def _operation(
    operation: Operation, migration: Migration, before: ProjectState, after: ProjectState, made: set[str]
) -> Iterator[str]:
    words = operation.describe()
    if isinstance(operation, ops.CreateModel):
        made.add(operation.name_lower)
    elif getattr(operation, "model_name_lower", "") in made:
        return  # nobody uses it yet
    elif isinstance(operation, ops.SeparateDatabaseAndState):
        yield from _apart(operation, migration, before, after, made)
    elif isinstance(operation, _CONTRACTING):
        yield f"{words}: the release before uses it; contract one release later"
    elif isinstance(operation, ops.AddIndex) and not isinstance(operation, AddIndexConcurrently):
        yield f"{words}: blocks writers; AddIndexLive"
    elif isinstance(operation, ops.AddField):
        yield from _added(operation.field, words)
    elif isinstance(operation, ops.AlterField):
        key = (migration.app_label, operation.model_name_lower)
        yield from _altered(_field(before, key, operation.name), _field(after, key, operation.name), words)


def _apart(
    operation: Any, migration: Migration, before: ProjectState, after: ProjectState, made: set[str]
) -> Iterator[str]:
    """Models forget what the database keeps: then the database must fill it itself."""
    for one in operation.database_operations:
        yield from _operation(one, migration, before, after, made)
    for one in operation.state_operations:
        if isinstance(one, ops.RemoveField):
            field = _field(before, (migration.app_label, one.model_name_lower), one.name)
            if not _fills_itself(field):
                yield f"{one.describe()}: rows of this release have no value there; null or db_default first"


def _added(field: Any, words: str) -> Iterator[str]:
    if not _fills_itself(field):
        yield f"{words}: rows of the release before have no value there; null or db_default"
    if field.unique or (field.db_index and not field.many_to_many):
        yield f"{words}: builds an index under a lock; db_index=False and AddIndexLive"


def _altered(old: Any, new: Any, words: str) -> Iterator[str]:
    if old.null and not new.null:
        yield f"{words}: the release before writes NULL"
    if new.db_default is NOT_PROVIDED and old.db_default is not NOT_PROVIDED and not new.null:
        yield f"{words}: rows of the release before need the default of the database"
    if (new.unique and not old.unique) or (new.db_index and not old.db_index):
        yield f"{words}: builds an index under a lock"
    if not _is_wider(old, new):
        yield f"{words}: another type"


def _is_wider(old: Any, new: Any) -> bool:
    """The same type, or a longer varchar: no row is written anew, and what was valid is."""
    kinds: Sequence[Any] = (models.CharField, models.TextField)
    if type(old) is not type(new) and isinstance(old, kinds[0]) and type(new) is kinds[1]:
        return True
    if isinstance(old, kinds[0]) and isinstance(new, kinds[0]):
        return (new.max_length or 1 << 30) >= (old.max_length or 1 << 30)
    return old.db_type(POSTGRES) == new.db_type(POSTGRES)


def _fills_itself(field: Any) -> bool:
    return bool(field.many_to_many or field.null or field.db_default is not NOT_PROVIDED)


def _field(state: ProjectState, key: tuple[str, str], name: str) -> Any:
    return state.apps.get_model(*key)._meta.get_field(name)
