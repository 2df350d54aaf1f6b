"""Reading rows by the values of a column, without building a query: what storing one alert does seven times."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, TypeVar, cast

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, Field, ForeignKey, IntegerField, Model
from django.db.models.expressions import Col

from bifang.core.db import run

M = TypeVar("M", bound=Model)
Row = tuple[Any, ...]
_KINDS = (
    (BooleanField, "boolean"),
    (IntegerField | ForeignKey, "bigint"),
)  # of a column on PostgreSQL; else text
_PIECE = 500  # values in one statement; SQLite takes a limited number


@dataclass(frozen=True, slots=True)
class _Plan:
    """``converted``: the columns whose values the database does not give as Python has them."""

    select: str
    names: tuple[str, ...]
    converted: tuple[tuple[int, Col], ...]


def rows_by(
    model: type[M], name: str, values: Collection[Any], *, order: str = "", lock: bool = False
) -> list[M]:
    """Whole rows whose column ``name`` (an attribute name: "asset_id") has one of the values, texts or integers.

    ``order`` holds within 500 values. ``lock``: until the end of the transaction, in the order of the keys.
    """
    link = _link()
    plan = _plan(model, (), link.vendor)
    order = order or ("id" if lock else "")
    rows = _read(link, model, plan, {name: values}, order=order, lock=lock)
    return [model.from_db(link.alias, plan.names, row) for row in rows]


def values_by(model: type[Model], names: Sequence[str], **where: Collection[Any]) -> list[Row]:
    """Some columns of the rows whose columns have these values; the first one may have any number of them."""
    link = _link()
    return list(_read(link, model, _plan(model, tuple(names), link.vendor), where))


def _link() -> BaseDatabaseWrapper:
    """This thread's connection itself: the proxy `connection` looks it up for every attribute."""
    return connections[DEFAULT_DB_ALIAS]


@lru_cache(maxsize=64)
def _plan(model: type[Model], names: tuple[str, ...], vendor: str) -> _Plan:
    link = _link()
    fields = [_field(model, name) for name in names] or list(model._meta.concrete_fields)
    columns = [field.get_col(model._meta.db_table) for field in fields]
    quoted = ", ".join(_quoted(link, field) for field in fields)
    return _Plan(
        select=f"SELECT {quoted} FROM {link.ops.quote_name(model._meta.db_table)} WHERE ",  # noqa: S608 - names of our own models
        names=tuple(field.attname for field in fields),
        converted=tuple((index, column) for index, column in enumerate(columns) if _converters(link, column)),
    )


def _field(model: type[Model], name: str) -> "Field[Any, Any]":
    return cast("Field[Any, Any]", model._meta.get_field(name))


def _quoted(link: BaseDatabaseWrapper, field: "Field[Any, Any]") -> str:
    return link.ops.quote_name(str(field.column))


def _converters(link: BaseDatabaseWrapper, column: Col) -> list[Any]:
    return [*link.ops.get_db_converters(column), *column.get_db_converters(link)]


def _read(
    link: BaseDatabaseWrapper,
    model: type[Model],
    plan: _Plan,
    where: dict[str, Collection[Any]],
    *,
    order: str = "",
    lock: bool = False,
) -> Iterator[Row]:
    (first, values), *more = where.items()
    if not values or not all(rest for _, rest in more):
        return
    ordered = list(values)
    tail = f" ORDER BY {_quoted(link, _field(model, order))}" if order else ""
    tail += " FOR UPDATE" if lock and link.vendor == "postgresql" else ""
    for start in range(0, len(ordered), _PIECE):
        named = [(first, ordered[start : start + _PIECE]), *((name, list(rest)) for name, rest in more)]
        tests = " AND ".join(_one_of(link, _field(model, name), len(rest)) for name, rest in named)
        parts = [rest for _, rest in named]
        given = parts if link.vendor == "postgresql" else list(chain.from_iterable(parts))
        yield from _convert(link, plan, run(plan.select + tests + tail, given))


def _one_of(link: BaseDatabaseWrapper, field: "Field[Any, Any]", count: int) -> str:
    """On PostgreSQL one array: the same text however many there are, and so one prepared statement."""
    if link.vendor == "postgresql":
        kind = next((kind for fields, kind in _KINDS if isinstance(field, fields)), "text")
        return f"{_quoted(link, field)} = ANY(%s::{kind}[])"
    return f"{_quoted(link, field)} IN ({', '.join(['%s'] * count)})"


def _convert(link: BaseDatabaseWrapper, plan: _Plan, rows: Sequence[Row]) -> Iterator[Row]:
    if not plan.converted or not rows:
        yield from rows
        return
    steps = [(index, column, _converters(link, column)) for index, column in plan.converted]
    for row in rows:
        values = list(row)
        for index, column, converters in steps:
            for convert in converters:
                values[index] = convert(values[index], column, link)
        yield tuple(values)
