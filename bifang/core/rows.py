"""Rows without model instances: many of them in one statement."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.db.models import BooleanField, CharField, Field, ForeignKey, IntegerField, Model, TextField
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
class _Column:
    """``prepare`` only where a value cannot go to the database as it is; ``stamped`` for auto_now and the like."""

    name: str
    default: Any
    prepare: Prepare | None
    stamped: bool


@dataclass(frozen=True, slots=True)
class _Plan:
    """How rows of a model become one statement and its parameters.

    ``arrays`` reads one array a column: PostgreSQL's driver takes far longer to find a thousand placeholders.
    """

    head: str
    one: str
    arrays: str
    columns: tuple[_Column, ...]


_PLAIN = (CharField, TextField, IntegerField, BooleanField, ForeignKey)


@lru_cache(maxsize=64)
def _plan(model: type[Model], vendor: str) -> _Plan:
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    link = connections["default"]
    quote = link.ops.quote_name
    columns = ",".join(quote(str(field.column)) for field in fields)
    return _Plan(
        head=f"INSERT INTO {quote(model._meta.db_table)} ({columns}) ",
        one=f"({','.join(['%s'] * len(fields))})",
        arrays=f"SELECT * FROM unnest({','.join(f'%s::{field.db_type(link)}[]' for field in fields)})",  # noqa: S608
        columns=tuple(_column(field) for field in fields),
    )


def _column(field: AnyField) -> _Column:
    stamped = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    default = None if callable(field.default) else field.get_default()
    return _Column(field.attname, default, None if _is_plain(field) else field.get_db_prep_save, stamped)


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
    prepared: list[list[Any]] = []
    for row in rows:
        values: list[Any] = []
        for column in plan.columns:
            value = now if column.stamped else row.get(column.name, column.default)
            if column.prepare is not None and value is not None:
                value = moments[value] if isinstance(value, datetime) else column.prepare(value, link)
            values.append(value)
        prepared.append(values)
    return prepared


def insert_many(
    model: type[Model],
    rows: Sequence[Mapping[str, Any]],
    *,
    skip_existing: bool = False,
    returning: Sequence[str] = (),
) -> list[Any]:
    """Insert rows (the values of `NewRow`) together; `bulk_create` takes several times as long.

    `vars(instance)` is such a row. `skip_existing` leaves rows alone that break a unique constraint.
    `returning` names columns to give back, one tuple a row that was inserted.
    """
    if not rows:
        return []
    link: Any = connections["default"]
    plan = _plan(model, link.vendor)
    parameters = _parameters(plan, rows, link)
    skip = " ON CONFLICT DO NOTHING" if skip_existing else ""
    back = f" RETURNING {','.join(map(link.ops.quote_name, returning))}" if returning else ""
    with link.cursor() as cursor:
        if link.vendor == "postgresql":
            cursor.execute(
                f"{plan.head}{plan.arrays}{skip}{back}", list(map(list, zip(*parameters, strict=True)))
            )
        elif returning:
            places = ",".join([plan.one] * len(rows))
            cursor.execute(f"{plan.head}VALUES {places}{skip}{back}", list(chain.from_iterable(parameters)))
        else:
            cursor.executemany(f"{plan.head}VALUES {plan.one}{skip}", parameters)
        return list(cursor.fetchall()) if returning else []
