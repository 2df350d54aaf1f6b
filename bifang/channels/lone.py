"""The two writes of one message by itself, as errands: what is asked of a table is one plain statement.

On PostgreSQL that takes half the time of the statements for many (`postgres`), which are more to set up than to do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, cast

from django.db import models
from django.utils import timezone

from bifang.channels import postgres
from bifang.channels.leases import LEASE, new_lease, new_secret
from bifang.channels.models import InboxRow, OutboxRow
from bifang.channels.ports import Reading, Rows
from bifang.channels.postgres import FIRST_TRY, OPEN, STORED, UNHURRIED, Handled, Stored
from bifang.core.db import on_postgresql
from bifang.core.express.errand import Errand, Found, Step
from bifang.core.notation import encode
from bifang.core.rows import Shape, fill, literal, shape_of, write_moment


@dataclass(frozen=True, eq=False)
class _Dialect:
    """What the two databases write differently. ``ours``: the inbox row was handled by this errand."""

    casts: bool
    unhurried: str
    now: str
    ours: str
    leased: Mapping[str, str]


_POSTGRESQL: Final = _Dialect(
    casts=True,
    unhurried=UNHURRIED,
    now="statement_timestamp()",
    ours="current_setting('bifang.ours') = '1'",
    leased=postgres.LEASED,
)
# The process's clock is the database's, and what was not ours ends the errand.
_SQLITE: Final = _Dialect(
    casts=False,
    unhurried="TRUE",
    now="%(now)s",
    ours="TRUE",
    leased={
        "state": postgres.LEASED["state"],
        "owner": "CASE WHEN free.v THEN %(owner)s ELSE '' END",
        "lease": "CASE WHEN free.v THEN %(token)s ELSE '' END",
        "leased_until": "CASE WHEN free.v THEN %(until)s END",
    },
)


def storing(
    row: Mapping[str, Any], wanted: bool, owner: str, reading: Reading | None
) -> Errand[tuple[list[Stored], Rows | None]]:
    """Insert an inbox row if it is new; if ``wanted``, leased to `owner`, unless something open is before it.

    Gives what was inserted, and what the ``reading`` found.
    """
    shape = shape_of(InboxRow, [row])
    steps = [Step(_storing(shape, _dialect()), _values(shape, row) | _lease(owner) | {"wanted": wanted})]
    if reading is not None:
        steps.append(Step(reading.text, reading.given))

    def stored(found: Found) -> tuple[list[Stored], Rows | None]:
        return cast("list[Stored]", found[0]), found[1] if reading is not None else None

    return Errand(steps, stored)


def finishing(
    lease: tuple[int, str],
    replies: Sequence[Mapping[str, Any]],
    rows: Sequence[tuple[type[models.Model], Mapping[str, Any]]],
    owner: str,
) -> Errand[Handled]:
    """As `postgres.finish` does with one inbox row and what belongs to it."""
    dialect, (pk, token) = _dialect(), lease
    given = {"id": pk, "lease": token, "now": write_moment(timezone.now())}
    steps = [Step(_handling(dialect), given, decisive=True)]
    for reply in replies:
        shape = shape_of(OutboxRow, [reply])
        steps.append(Step(_sending(shape, dialect), _values(shape, reply) | _lease(owner)))
    for model, row in rows:
        shape = shape_of(model, [row])
        steps.append(Step(_adding(shape, dialect), _values(shape, row)))

    def handled(found: Found) -> Handled:
        sent = {key: (number, lease) for rows in found[1 : 1 + len(replies)] for number, key, lease in rows}
        return {number for number, *_ in found[0] if number is not None}, sent

    return Errand(steps, handled)


def _dialect() -> _Dialect:
    return _POSTGRESQL if on_postgresql() else _SQLITE


def _lease(owner: str) -> dict[str, Any]:
    if on_postgresql():
        return {"owner": owner, "secret": new_secret()}
    now = timezone.now()
    return {"owner": owner, "token": new_lease(now), "until": write_moment(now + LEASE)}


@lru_cache(maxsize=16)
def _storing(shape: Shape, dialect: _Dialect) -> str:
    others = f"SELECT 1 FROM {shape.table} AS r WHERE r.order_key = %(its_order_key)s AND {OPEN}"  # noqa: S608 - names and constants of our own
    wanted = "%(wanted)s::boolean" if dialect.casts else "%(wanted)s"
    return (
        f"INSERT INTO {shape.table} ({shape.columns}) "  # noqa: S608
        f"SELECT {_selected(shape, dialect, _leased(dialect, '%(its_state)s') | FIRST_TRY)} "
        f"FROM (SELECT {wanted} AND NOT EXISTS ({others}) AS v) AS free "
        f"WHERE {dialect.unhurried} ON CONFLICT DO NOTHING RETURNING {STORED}"
    )


@lru_cache(maxsize=2)
def _handling(dialect: _Dialect) -> str:
    update = (
        f"UPDATE {InboxRow._meta.db_table} SET state = 'done', handled_at = {dialect.now}, owner = '', lease = '', "  # noqa: S608
        f"leased_until = NULL WHERE {dialect.unhurried} AND id = %(id)s AND lease = %(lease)s RETURNING id"
    )
    if dialect is _SQLITE:
        return update
    # Whether it was ours is known until the end of the transaction.
    return (
        f"WITH done AS ({update}) SELECT max(id), set_config('bifang.ours', count(*)::text, true) FROM done"  # noqa: S608
    )


@lru_cache(maxsize=16)
def _sending(shape: Shape, dialect: _Dialect) -> str:
    others = f"SELECT 1 FROM {shape.table} AS r WHERE r.order_key = %(its_order_key)s AND {OPEN} AND r.owner <> %(owner)s"  # noqa: S608
    return (
        f"INSERT INTO {shape.table} ({shape.columns}) "  # noqa: S608
        f"SELECT {_selected(shape, dialect, _leased(dialect, literal('pending')))} "
        f"FROM (SELECT NOT EXISTS ({others}) AS v) AS free WHERE {dialect.ours} RETURNING id, key, lease"
    )


@lru_cache(maxsize=64)
def _adding(shape: Shape, dialect: _Dialect) -> str:
    return f"INSERT INTO {shape.table} ({shape.columns}) SELECT {_selected(shape, dialect, {})} WHERE {dialect.ours}"


def _leased(dialect: _Dialect, otherwise: str) -> dict[str, str]:
    return {name: text.format(otherwise=otherwise) for name, text in dialect.leased.items()}


def _selected(shape: Shape, dialect: _Dialect, instead: Mapping[str, str]) -> str:
    own = {name: f"%(its_{name})s{f'::{kind}' if dialect.casts else ''}" for name, kind in shape.typed}
    return ",".join({**own, **instead}.get(name, value) for name, value in shape.selected)


def _values(shape: Shape, row: Mapping[str, Any]) -> dict[str, Any]:
    (filled,) = fill(shape, [row])
    return {
        f"its_{name}": encode(value) if name in shape.documents and value is not None else value
        for name, value in filled.items()
    }
