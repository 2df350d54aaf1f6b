"""Rows without model instances: many of them in one statement."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.db.models import (
    BooleanField,
    CharField,
    Field,
    ForeignKey,
    IntegerField,
    JSONField,
    Model,
    TextField,
)
from django.utils import timezone

if TYPE_CHECKING:
    AnyField = Field[Any, Any]
else:
    AnyField = Field  # not subscriptable at run time


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row to be inserted: attribute name → value, each of its field's own type.

    What is left out gets the field's constant default. A tenth of the cost of a model instance, and a turn
    leaves half a dozen rows.
    """

    model: type[Model]
    values: Mapping[str, Any]


Prepare = Callable[[Any, Any], Any]  # a value and the connection that it is for


@dataclass(frozen=True, slots=True)
class _Plan:
    """How rows of a model become one statement and its parameters.

    ``arrays`` reads one array a column: PostgreSQL's driver takes far longer to find a thousand placeholders.
    ``columns`` are attribute names with their defaults; ``prepared`` the positions of values that cannot go to the
    database as they are; ``stamped`` those of auto_now and the like.
    """

    head: str
    one: str
    arrays: str
    columns: tuple[tuple[str, Any], ...]
    prepared: tuple[tuple[int, Prepare], ...]
    stamped: tuple[int, ...]


PIECES = (64, 8, 1)
_PLAIN = (CharField, TextField, IntegerField, BooleanField, ForeignKey)


@lru_cache(maxsize=64)
def _plan(model: type[Model], vendor: str, keyed: bool) -> _Plan:
    fields = [field for field in model._meta.concrete_fields if keyed or not field.primary_key]
    link = connections["default"]
    quote = link.ops.quote_name
    columns = ",".join(quote(str(field.column)) for field in fields)
    return _Plan(
        head=f"INSERT INTO {quote(model._meta.db_table)} ({columns}) ",
        one=f"({','.join(['%s'] * len(fields))})",
        arrays=f"SELECT * FROM unnest({','.join(f'%s::{_type_of(field, link)}[]' for field in fields)})",  # noqa: S608
        columns=tuple((field.attname, _default(field)) for field in fields),
        prepared=tuple((at, _preparer(field)) for at, field in enumerate(fields) if not _is_plain(field)),
        stamped=tuple(at for at, field in enumerate(fields) if _is_stamped(field)),
    )


def _type_of(field: AnyField, link: Any) -> str:
    """Text without a length: a cast to a length would cut what is too long, and say nothing."""
    return "text" if isinstance(field, CharField | TextField) else str(field.rel_db_type(link))


def _default(field: AnyField) -> Any:
    return None if callable(field.default) else field.get_default()


def _is_stamped(field: AnyField) -> bool:
    return bool(getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False))


def _preparer(field: AnyField) -> Prepare:
    if type(field) is JSONField:
        return lambda value, link: json.dumps(value, cls=field.encoder)
    return field.get_db_prep_save


def _is_plain(field: AnyField) -> bool:
    """Its value goes to the database as it is."""
    return isinstance(field, _PLAIN) and type(field).get_db_prep_value in (
        Field.get_db_prep_value, IntegerField.get_db_prep_value, ForeignKey.get_db_prep_value
    ) and type(field).get_prep_value.__module__.startswith("django.")  # fmt: skip


class _Moments(dict[datetime, Any]):
    """Times as the database takes them; rows that are written together share theirs."""

    def __init__(self, link: Any) -> None:
        super().__init__()
        self._link = link

    def __missing__(self, moment: datetime) -> Any:
        self[moment] = adapted = self._link.ops.adapt_datetimefield_value(moment)
        return adapted


def _parameters(plan: _Plan, rows: Sequence[Mapping[str, Any]], link: Any) -> list[list[Any]]:
    now, moments = timezone.now(), _Moments(link)
    filled: list[list[Any]] = []
    for row in rows:
        values = [row.get(name, default) for name, default in plan.columns]
        for at in plan.stamped:
            values[at] = now
        for at, prepare in plan.prepared:
            value = values[at]
            if value is not None:
                values[at] = moments[value] if isinstance(value, datetime) else prepare(value, link)
        filled.append(values)
    return filled


def _array(values: Sequence[Any]) -> Any:
    """A column as PostgreSQL reads an array, or the list itself: psycopg's own writing takes ten times as long."""
    written = []
    for value in values:
        if isinstance(value, str):
            written.append('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"')
        elif value is None:
            written.append("NULL")
        elif isinstance(value, int | float):
            written.append(str(value))
        elif type(value) is datetime:
            written.append(f'"{value}"')
        else:
            return list(values)
    return "{" + ",".join(written) + "}"


def insert_many(
    model: type[Model],
    rows: Sequence[Mapping[str, Any]],
    *,
    skip_existing: bool = False,
    returning: Sequence[str] = (),
    keyed: bool = False,
) -> list[Any]:
    """Insert rows (the values of `NewRow`) together; `bulk_create` takes several times as long.

    `vars(instance)` is such a row. Inside a transaction, if all or none are to be there. `skip_existing` leaves
    rows alone that break a unique constraint. `returning` names columns to give back, one tuple a row that was inserted. ``keyed``: the rows bring their
    primary keys.
    """
    if not rows:
        return []
    link: Any = connections["default"]
    plan = _plan(model, link.vendor, keyed)
    parameters = _parameters(plan, rows, link)
    tail = " ON CONFLICT DO NOTHING" if skip_existing else ""
    if returning:
        tail += f" RETURNING {','.join(map(link.ops.quote_name, returning))}"
    return _write(link, plan, parameters, tail, fetch=bool(returning))


def _write(link: Any, plan: _Plan, parameters: Sequence[list[Any]], tail: str, *, fetch: bool) -> list[Any]:
    with link.cursor() as cursor:
        if link.vendor == "postgresql":
            columns = [_array(column) for column in zip(*parameters, strict=True)]
            cursor.execute(f"{plan.head}{plan.arrays}{tail}", columns)
            return list(cursor.fetchall()) if fetch else []
        if fetch:
            pieces = _some_at_a_time(parameters)
            return [row for piece in pieces for row in _insert_some(cursor, plan, piece, tail)]
        cursor.executemany(f"{plan.head}VALUES {plan.one}{tail}", parameters)
        return []


def _some_at_a_time(parameters: Sequence[list[Any]]) -> Iterator[Sequence[list[Any]]]:
    """In pieces of few sizes: SQLite keeps the statement of each size prepared, and they are large."""
    start = 0
    for size in PIECES:
        while len(parameters) - start >= size:
            yield parameters[start : start + size]
            start += size


def _insert_some(cursor: Any, plan: _Plan, parameters: Sequence[list[Any]], tail: str) -> list[Any]:
    places = ",".join([plan.one] * len(parameters))
    cursor.execute(f"{plan.head}VALUES {places}{tail}", list(chain.from_iterable(parameters)))
    found: list[Any] = cursor.fetchall()
    return found
