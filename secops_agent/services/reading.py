"""Batched reading: rows by the values of a column, however many values there are."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from bifang.core.database.db import on_postgresql

M = TypeVar("M", bound=Model)
Row = tuple[Any, ...]
_PIECE = 500  # values in one statement; SQLite takes a limited number


def rows_by(
    model: type[M], name: str, values: Collection[Any], *, order: str = "", lock: bool = False
) -> list[M]:
    """Whole rows whose column ``name`` (an attribute name: "asset_id") has one of the values.

    ``order`` holds within 500 values. ``lock``: until the end of the transaction, in the order of the keys; for what
    one transaction takes, in one statement, since two would each begin with the lowest key.
    """
    order = order or ("id" if lock else "")
    size = max(len(values), 1) if lock and on_postgresql() else _PIECE
    found: list[M] = []
    for rows in _pieces(model, {name: values}, size):
        rows = rows.select_for_update() if lock else rows
        found += rows.order_by(order) if order else rows
    return found


def values_by(model: type[Model], names: Sequence[str], **where: Collection[Any]) -> list[Row]:
    """Some columns of the rows whose columns have these values; the first one may have any number of them."""
    return [row for rows in _pieces(model, where) for row in rows.values_list(*names)]


def _pieces(model: type[M], where: dict[str, Collection[Any]], size: int = _PIECE) -> "Iterator[QuerySet[M]]":
    (first, values), *more = where.items()
    rows = model._base_manager.filter(**{f"{name}__in": list(rest) for name, rest in more}).order_by()
    ordered = list(values)
    for start in range(0, len(ordered), size):
        yield rows.filter(**{f"{first}__in": ordered[start : start + size]})
