"""Rows without model instances: many of them with one statement, on either database."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import (
    BooleanField,
    CharField,
    Field,
    ForeignKey,
    IntegerField,
    Model,
    QuerySet,
    TextField,
)
from django.utils import timezone

from bifang.core.db import run_many

if TYPE_CHECKING:
    AnyField = Field[Any, Any]
else:
    AnyField = Field  # not subscriptable at run time

M = TypeVar("M", bound=Model)
_PLAIN = (CharField, TextField, IntegerField, BooleanField, ForeignKey)  # go to the database as they are


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row to be inserted: attribute name → value, each of its field's own type.

    What is left out gets the field's default. A tenth of the cost of a model instance, and a turn leaves half a
    dozen rows.
    """

    model: type[Model]
    values: Mapping[str, Any]


class _Column(NamedTuple):
    """``prepare``: a value and the connection that it is for → what goes there."""

    name: str
    default: Callable[[], Any]
    stamped: bool  # auto_now and the like
    prepare: Callable[[Any, Any], Any] | None


@dataclass(frozen=True, slots=True)
class InsertSpec:
    """How rows of a model are inserted: the statement, and where its values come from."""

    text: str
    columns: tuple[_Column, ...]

    def values(self, row: Mapping[str, Any], now: Any, link: Any) -> list[Any]:
        """In the order of the statement's places."""
        found = []
        for name, default, stamped, prepare in self.columns:
            value = now if stamped else row[name] if name in row else default()
            found.append(prepare(value, link) if prepare is not None and value is not None else value)
        return found


def lock_idle(rows: "QuerySet[M]") -> "QuerySet[M]":
    """Those of the rows that nobody else works on, locked. SQLite has one writer anyway."""
    skips = connection.features.has_select_for_update_skip_locked
    return rows.select_for_update(skip_locked=True, of=("self",)) if skips else rows


def insert_many(
    model: type[Model], rows: Sequence[Mapping[str, Any]], *, skip_existing: bool = False, keyed: bool = False
) -> None:
    """Insert rows (the values of `NewRow`) in their order; `bulk_create` takes several times as long.

    `vars(instance)` is such a row. Inside a transaction, if all or none are to be there. ``skip_existing`` leaves
    rows alone that break a unique constraint. ``keyed``: the rows bring their primary keys.
    """
    if not rows:
        return
    spec, now, link = _spec(model, skip_existing, keyed), timezone.now(), connections[DEFAULT_DB_ALIAS]
    run_many(spec.text, [spec.values(row, now, link) for row in rows])


@lru_cache(maxsize=256)
def _spec(model: type[Model], skip_existing: bool, keyed: bool) -> InsertSpec:
    quote = connection.ops.quote_name
    fields = [field for field in model._meta.concrete_fields if keyed or not field.primary_key]
    names, places = ",".join(quote(str(field.column)) for field in fields), ",".join(["%s"] * len(fields))
    tail = " ON CONFLICT DO NOTHING" if skip_existing else ""
    return InsertSpec(
        text=f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES ({places}){tail}",  # noqa: S608 - names of our own
        columns=tuple(_column(field) for field in fields),
    )


def _column(field: "AnyField") -> _Column:
    stamped = bool(getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False))
    prepare = None if type(field) in _PLAIN else field.get_db_prep_save
    return _Column(field.attname, field.get_default, stamped, prepare)
