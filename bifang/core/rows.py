"""Rows without model instances: many of them in one statement."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
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

from bifang.core import prepared
from bifang.core.notation import encode

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
class Shape:
    """How rows of a model become one statement.

    ``table`` and ``columns`` are quoted. ``given`` names the values that rows bring, with what stands for one that a
    row lacks; ``prepared`` those that cannot go to the database as they are; ``stamped`` those of auto_now and the
    like; ``documents`` those that are left to the document they go in; ``typed`` each with its column's type. ``selected`` fills every column from a row source ``u`` of these values, or with a constant; ``names`` and
    ``types`` are the columns of that source.
    """

    table: str
    columns: str
    given: tuple[tuple[str, Any], ...]
    prepared: tuple[tuple[str, Prepare], ...]
    stamped: tuple[str, ...]
    documents: frozenset[str]
    typed: tuple[tuple[str, str], ...]
    selected: tuple[tuple[str, str], ...]
    names: str
    types: str


PIECES = (64, 8, 1)
_PLAIN = (CharField, TextField, IntegerField, BooleanField, ForeignKey)


def shape_of(model: type[Model], rows: Sequence[Mapping[str, Any]], *, keyed: bool = False) -> Shape:
    """The shape of rows that bring these values. ``keyed``: the primary key is one of them."""
    return _shape(model, frozenset().union(*rows), keyed, prepared.vendor())


@lru_cache(maxsize=256)
def _shape(model: type[Model], names: frozenset[str], keyed: bool, vendor: str) -> Shape:
    link = _spelling(vendor)
    quote = link.ops.quote_name
    fields = [field for field in model._meta.concrete_fields if keyed or not field.primary_key]
    given = [field for field in fields if field.attname in names or _is_stamped(field)]
    return Shape(
        table=quote(model._meta.db_table),
        columns=",".join(quote(str(field.column)) for field in fields),
        given=tuple((field.attname, _default(field)) for field in given),
        prepared=tuple((f.attname, _preparer(f)) for f in given if not _goes_as_it_is(f, vendor)),
        stamped=tuple(field.attname for field in given if _is_stamped(field)),
        documents=frozenset(f.attname for f in given if type(f) is JSONField and _goes_as_it_is(f, vendor)),
        typed=tuple((field.attname, _type_of(field, link)) for field in given),
        selected=tuple(
            (field.attname, f'u."{field.attname}"' if field in given else literal(_default(field)))
            for field in fields
        ),
        names=",".join(f'"{field.attname}"' for field in given),
        types=",".join(f'"{field.attname}" {_type_of(field, link)}' for field in given),
    )


def literal(value: Any) -> str:
    """A constant of ours in a statement that has parameters, too."""
    if value is None:
        return "NULL"
    if isinstance(value, bool | int):
        return str(value).upper()
    return "'" + str(value).replace("'", "''").replace("%", "%%") + "'"


def write_moment(moment: datetime) -> str:
    """A time as the database takes it in a statement of ours."""
    return str(_spelling(prepared.vendor()).ops.adapt_datetimefield_value(moment))


def _type_of(field: AnyField, link: Any) -> str:
    """Text without a length: a cast to a length would cut what is too long, and say nothing."""
    return "text" if isinstance(field, CharField | TextField) else str(field.rel_db_type(link))


@lru_cache(maxsize=2)
def _spelling(vendor: str) -> Any:
    """Never opened: it knows how this database writes names and values. Of those that are, each thread has its own."""
    return connections.create_connection("default")


def _default(field: AnyField) -> Any:
    return None if callable(field.default) else field.get_default()


def _is_stamped(field: AnyField) -> bool:
    return bool(getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False))


def _preparer(field: AnyField) -> Prepare:
    return (lambda value, _: encode(value)) if type(field) is JSONField else field.get_db_prep_save


def _goes_as_it_is(field: AnyField, vendor: str) -> bool:
    if type(field) is JSONField:
        return vendor == "postgresql"  # a part of the one JSON document that all the rows are
    return isinstance(field, _PLAIN) and type(field).get_db_prep_value in (
        Field.get_db_prep_value, IntegerField.get_db_prep_value, ForeignKey.get_db_prep_value
    ) and type(field).get_prep_value.__module__.startswith("django.")  # fmt: skip


class _Moments(dict[datetime, str]):
    """Times as the database takes them; rows that are written together share theirs."""

    def __missing__(self, moment: datetime) -> str:
        self[moment] = written = write_moment(moment)
        return written


def fill(shape: Shape, rows: Sequence[Mapping[str, Any]], *beside: str) -> list[dict[str, Any]]:
    """The rows with exactly the values of their shape, each as the database takes it; and as it is, what is ``beside`` it."""
    link = _spelling(prepared.vendor())
    now, moments = timezone.now(), _Moments()
    filled: list[dict[str, Any]] = []
    defaults = {**dict(shape.given), **dict.fromkeys(beside)}
    for row in rows:
        values = {**defaults, **row}
        if len(values) > len(defaults):
            values = {name: values[name] for name in defaults}
        for name in shape.stamped:
            values[name] = now
        for name, prepare in shape.prepared:
            value = values[name]
            if value is not None:
                values[name] = moments[value] if isinstance(value, datetime) else prepare(value, link)
        filled.append(values)
    return filled


def as_document(filled: Sequence[Mapping[str, Any]]) -> str:
    """Rows as the JSON that PostgreSQL's ``jsonb_to_recordset`` reads: one parameter for any number of rows."""
    return encode(filled, _exactly)


def _exactly(value: Any) -> str:
    """Decimals in their own digits and days: PostgreSQL reads the value of a column from text, too."""
    if isinstance(value, Decimal | date):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no value of a row")


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
    shape = shape_of(model, rows, keyed=keyed)
    filled = fill(shape, rows)
    tail = " ON CONFLICT DO NOTHING" if skip_existing else ""
    if returning:
        tail += f" RETURNING {','.join(map(link.ops.quote_name, returning))}"
    if link.vendor == "postgresql":
        values = ",".join(value for _, value in shape.selected)
        source = f"SELECT {values} FROM jsonb_to_recordset(%s::jsonb) AS u({shape.types})"  # noqa: S608 - names and constants of our own
        return prepared.run(
            f"INSERT INTO {shape.table} ({shape.columns}) {source}{tail}", [as_document(filled)]
        )
    parameters = [tuple(row.values()) for row in filled]
    if not returning:
        prepared.repeat(_insertion(shape, 1, tail), parameters)
        return []
    found: list[Any] = []
    for piece in _some_at_a_time(parameters):
        found += prepared.run(_insertion(shape, len(piece), tail), list(chain.from_iterable(piece)))
    return found


@lru_cache(maxsize=256)
def _insertion(shape: Shape, count: int, tail: str) -> str:
    """Of so many rows, on SQLite."""
    names = {name for name, _ in shape.given}
    one = f"({','.join('%s' if name in names else value for name, value in shape.selected)})"
    return f"INSERT INTO {shape.table} ({shape.columns}) VALUES {','.join([one] * count)}{tail}"  # noqa: S608 - names of our own


def _some_at_a_time(parameters: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    """In pieces of few sizes: SQLite keeps the statement of each size prepared, and they are large."""
    start = 0
    for size in PIECES:
        while len(parameters) - start >= size:
            yield parameters[start : start + size]
            start += size
