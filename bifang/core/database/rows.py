"""Rows without model instances: many of them written or counted with one statement, on either database."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import (
    BooleanField,
    CharField,
    F,
    Field,
    ForeignKey,
    Func,
    IntegerField,
    Model,
    QuerySet,
    TextField,
)
from django.utils import timezone

from bifang.core.database.db import on_postgresql, run

if TYPE_CHECKING:
    AnyField = Field[Any, Any]
else:
    AnyField = Field  # not subscriptable at run time

M = TypeVar("M", bound=Model)
_AT_ONCE = 100  # rows of a statement: what they hold is in memory several times, here and at the database
_KEYS = "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)"
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
    """How rows of a model are inserted: the statement, and where its values come from.

    ``many``: the statement for any number of rows, one array a column; on PostgreSQL only.
    """

    text: str
    many: str
    columns: tuple[_Column, ...]

    def values(self, row: Mapping[str, Any], now: Any, link: Any) -> list[Any]:
        """In the order of the statement's places."""
        found = []
        for name, default, stamped, prepare in self.columns:
            value = now if stamped else row[name] if name in row else default()
            found.append(prepare(value, link) if prepare is not None and value is not None else value)
        return found


class Among(Func):
    """Is the primary key, or another column, one of these ids? One parameter, however many they are: a list of thousands costs more to write as
    a statement than to look up."""

    output_field = BooleanField()

    def __init__(self, ids: Iterable[int], column: str = "pk") -> None:
        super().__init__(F(column))
        self.ids = list(ids)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """As an array."""
        key, given = compiler.compile(self.get_source_expressions()[0])
        return f"{key} = ANY(%s::bigint[])", [*given, self.ids]

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """As JSON."""
        key, given = compiler.compile(self.get_source_expressions()[0])
        return f"{key} IN (SELECT value FROM json_each(%s))", [*given, json.dumps(self.ids)]  # noqa: S608 - our own


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
    spec, now, link = (
        _spec(model, on_postgresql(), skip_existing, keyed),
        timezone.now(),
        connections[DEFAULT_DB_ALIAS],
    )
    values = [spec.values(row, now, link) for row in rows]
    if len(values) == 1:
        run(spec.text, values[0])
    elif spec.many:
        _run_for_arrays(spec.many, values)
    else:
        _run_for_each(spec.text, values)


def create_rows(rows: Sequence[M]) -> None:
    """Insert new instances of one model and give them their primary keys, as `bulk_create` does at several times the cost."""
    if not rows:
        return
    model, key = type(rows[0]), rows[0]._meta.pk
    if not on_postgresql():
        model._base_manager.bulk_create(rows)
        return
    ids = run(_KEYS, [model._meta.db_table, key.column, len(rows)])
    for row, (each,) in zip(rows, ids, strict=True):
        row.pk, row._state.adding, row._state.db = each, False, DEFAULT_DB_ALIAS
    insert_many(model, [vars(row) for row in rows], keyed=True)


def update_rows(model: type[Model], names: Sequence[str], rows: Iterable[Model]) -> None:
    """Write the named fields of rows by primary key, in the caller's transaction; of a row that comes twice, the last."""
    fields = [cast("AnyField", field) for field in (*map(model._meta.get_field, names), model._meta.pk)]
    found = {
        row.pk: [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]
        for row in rows
    }
    values = list(found.values())
    if not values:
        return
    table, columns = connection.ops.quote_name(model._meta.db_table), [_quoted(field) for field in fields]
    if on_postgresql():
        sets = ", ".join(f"{column} = given.{column}" for column in columns[:-1])
        given = f"unnest({_arrays(fields)}) AS given ({', '.join(columns)})"
        _run_for_arrays(
            f"UPDATE {table} SET {sets} FROM {given} WHERE {table}.{columns[-1]} = given.{columns[-1]}",  # noqa: S608 - names of our own models
            values,
        )
    else:
        sets = ", ".join(f"{column} = %s" for column in columns[:-1])
        _run_for_each(f"UPDATE {table} SET {sets} WHERE {columns[-1]} = %s", values)  # noqa: S608 - the same


def _run_for_each(text: str, rows: Sequence[Sequence[Any]]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(text, rows)


def _quoted(field: "AnyField") -> str:
    return connection.ops.quote_name(str(field.column))


def _arrays(fields: Sequence["AnyField"]) -> str:
    """An array for each column: the same statement for any number of rows, and one round trip. Binary: in the text of
    an array each quotation mark is escaped by Python.

    Without the length of a text: a cast would cut what is too long, where a column refuses it.
    """
    kinds = [str(field.rel_db_type(connection)).partition("(")[0] for field in fields]
    return ", ".join(f"%b::{kind}[]" for kind in kinds)


def _run_for_arrays(text: str, rows: Sequence[Sequence[Any]]) -> None:
    for start in range(0, len(rows), _AT_ONCE):
        run(text, [list(column) for column in zip(*rows[start : start + _AT_ONCE], strict=True)])


@lru_cache(maxsize=256)
def _spec(model: type[Model], arrays: bool, skip_existing: bool, keyed: bool) -> InsertSpec:
    fields = [field for field in model._meta.concrete_fields if keyed or not field.primary_key]
    names, places = ",".join(map(_quoted, fields)), ",".join(["%s"] * len(fields))
    head = f"INSERT INTO {connection.ops.quote_name(model._meta.db_table)} ({names}) "
    tail = " ON CONFLICT DO NOTHING" if skip_existing else ""
    return InsertSpec(
        text=f"{head}VALUES ({places}){tail}",
        many=f"{head}SELECT * FROM unnest({_arrays(fields)}){tail}" if arrays else "",  # noqa: S608 - names of our own
        columns=tuple(_column(field) for field in fields),
    )


def _column(field: "AnyField") -> _Column:
    stamped = bool(getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False))
    prepare = None if type(field) in _PLAIN else field.get_db_prep_save
    return _Column(field.attname, field.get_default, stamped, prepare)


def count_each(every: "Sequence[QuerySet[Any, Any]]") -> list[int]:
    """How many rows each of them has, in one statement: a round trip costs more than a count that an index answers.

    What they select (``values``) is what is read; slices and ``distinct`` count as they stand.
    """
    asked = [_as_statement(rows) for rows in every]
    if not any(text for text, _ in asked):
        return [0] * len(asked)
    counts = [f"(SELECT COUNT(*) FROM ({text}) AS counted)" if text else "0" for text, _ in asked]  # noqa: S608 - Django's
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(counts)}", [value for _, values in asked for value in values])
        return list(cursor.fetchone())


def _as_statement(rows: "QuerySet[Any, Any]") -> tuple[str, Sequence[Any]]:
    """Its text and parameters; "" where nothing can match."""
    query = rows.query.clone()
    query.clear_ordering()  # keeps that of a slice
    try:
        return query.sql_with_params()
    except EmptyResultSet:
        return "", ()
