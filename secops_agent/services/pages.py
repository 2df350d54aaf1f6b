"""Pages by cursor: the next page starts after the sort key of the last row, so that its cost does not grow."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.core.signing import BadSignature, Signer
from django.db.models import Model, Q, QuerySet

from bifang.core.database.rows import count_each
from bifang.core.errors import InvalidInput

T = TypeVar("T")
M = TypeVar("M", bound=Model)
LIMIT = 200
COUNT_CAP = 1000  # counting more costs more than anyone reads out of it


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """``total`` counts all that match, up to COUNT_CAP; ``capped``: at least so many. ``next_cursor`` "" at the end."""

    items: tuple[T, ...]
    total: int
    capped: bool = False
    next_cursor: str = ""

    @property
    def total_text(self) -> str:
        """The total as it is said."""
        return Total(self.total, self.capped).text


@dataclass(frozen=True, slots=True)
class Total:
    """How many match, where it was counted already; ``capped``: at least so many."""

    count: int
    capped: bool

    @property
    def text(self) -> str:
        """As it is said: "37" or "1000+"."""
        return f"{self.count}+" if self.capped else str(self.count)


def order_of(asked: str, orders: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The order behind a name such as "-last_seen". Raises InvalidInput that lists the names."""
    if asked not in orders:
        raise InvalidInput(f"不能按「{asked}」排序；可以按：{'、'.join(orders)}。")
    return orders[asked]


def cut(
    rows: "QuerySet[M]",
    order: Sequence[str],
    limit: int,
    cursor: str,
    view: Callable[[list[M]], Sequence[T]],
    *,
    count: "QuerySet[Any] | Total | None" = None,
) -> Page[T]:
    """One page of `rows` in `order` (field names, "-" for descending, the last one unique).

    Two queries and those of `view`; `count` replaces the rows that are counted. Raises InvalidInput.
    """
    demand_limit(limit)
    total = count if isinstance(count, Total) else count_of(rows if count is None else count)
    after = behind(rows, order, cursor)
    # The keys come from an index alone; only the rows of this page are read.
    chosen = rows.model._default_manager.filter(pk__in=after.order_by(*order).values("pk")[: limit + 1])
    chosen.query.select_related = rows.query.select_related
    found = list(chosen.order_by(*order))
    more, kept = len(found) > limit, found[:limit]
    next_cursor = _encode(kept[-1], order) if more else ""
    known = max(total.count, len(found)) if total.capped else total.count
    return Page(tuple(view(kept)), min(known, COUNT_CAP), total.capped, next_cursor)


def demand_limit(limit: int) -> None:
    """Raises InvalidInput for a page that is too small or too large."""
    if not 1 <= limit <= LIMIT:
        raise InvalidInput(f"limit 应在 1 到 {LIMIT} 之间。")


def count_of(rows: "QuerySet[Any]") -> Total:
    """How many there are, up to COUNT_CAP."""
    return counts_of([rows])[0]


def counts_of(every: "Sequence[QuerySet[Any]]") -> list[Total]:
    """How many there are of each, up to COUNT_CAP, in one statement."""
    found = count_each([rows.order_by().values("pk")[: COUNT_CAP + 1] for rows in every])
    return [Total(min(count, COUNT_CAP), count > COUNT_CAP) for count in found]


def behind(rows: "QuerySet[M]", order: Sequence[str], cursor: str) -> "QuerySet[M]":
    """The rows that come after a cursor; all of them without one. Raises InvalidInput."""
    return rows.filter(_after(order, _decode(cursor, rows.model, order))) if cursor else rows


def _after(order: Sequence[str], values: Sequence[Any]) -> Q:
    """The rows behind a sort key. The outer bound on the first field is what lets an index seek to it."""
    behind = Q()
    for depth in range(len(order)):
        equal = {name.lstrip("-"): value for name, value in zip(order[:depth], values, strict=False)}
        behind |= Q(**equal, **{_past(order[depth]): values[depth]})
    first = order[0]
    return Q(**{f"{_past(first)}e": values[0]}) & behind


def _past(name: str) -> str:
    return f"{name[1:]}__lt" if name.startswith("-") else f"{name}__gt"


def _encode(row: Model, order: Sequence[str]) -> str:
    values = [_plain(getattr(row, name.lstrip("-"))) for name in order]
    return _signer(type(row), order).sign(base64.urlsafe_b64encode(json.dumps(values).encode()).decode())


def _plain(value: Any) -> Any:
    return {"t": value.isoformat()} if isinstance(value, datetime) else value


def _signer(model: type[Model], order: Sequence[str]) -> Signer:
    """A cursor is ours, of this list in this order: whatever else a field would choke on never gets there."""
    return Signer(sep=".", salt=f"{model._meta.label} {' '.join(order)}")


def _decode(cursor: str, model: type[Model], order: Sequence[str]) -> list[Any]:
    try:
        values: list[Any] = json.loads(base64.urlsafe_b64decode(_signer(model, order).unsign(cursor)))
    except (BadSignature, UnicodeError):
        raise InvalidInput("翻页标记 cursor 不正确：请从第一页重新开始。") from None
    return [datetime.fromisoformat(value["t"]) if isinstance(value, dict) else value for value in values]
