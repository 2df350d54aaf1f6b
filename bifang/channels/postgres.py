"""The two writes of many messages on PostgreSQL, each in one statement: what takes time there is the way to the server.

Both are their own transactions, and do not wait for the disk: before an ack comes `durability.flush`, and what else
a crash of the server undoes is run again. SQLite takes the same steps one by one (`inbox`, `handling`); a message
that comes alone goes by `lone`.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, cast

from django.db import models

from bifang.channels.leases import LEASE, new_secret
from bifang.channels.models import InboxRow, OutboxRow
from bifang.core import prepared
from bifang.core.notation import encode
from bifang.core.rows import Shape, as_document, fill, literal, shape_of
from bifang.core.sealed import Sealed

OPEN: Final = "r.state IN ('pending', 'leased')"
UNHURRIED: Final = "(SELECT set_config('synchronous_commit', 'off', true)) = 'off'"
_UNTIL: Final = f"statement_timestamp() + interval '{LEASE.total_seconds():.0f} seconds'"
# The form of `leases.new_lease`.
_TOKEN: Final = (
    "to_hex((extract(epoch FROM statement_timestamp()) * 1000000)::bigint) || '-' || %(secret)s::text"  # noqa: S105
)
# One look at the index for all of a batch; OFFSET keeps the planner from asking again for each column.
_AHEAD: Final = "ahead AS MATERIALIZED (SELECT r.order_key FROM {table} AS r WHERE r.order_key = ANY(%(keys)s::text[]) AND {others})"
_FREE: Final = (
    "LATERAL (SELECT {wanted} AND u.order_key NOT IN (SELECT order_key FROM ahead) AS v OFFSET 0) AS free"
)
LEASED: Final = {
    "state": "CASE WHEN free.v THEN 'leased' ELSE {otherwise} END",
    "owner": "CASE WHEN free.v THEN %(owner)s::text ELSE '' END",
    "lease": f"CASE WHEN free.v THEN {_TOKEN} ELSE '' END",
    "leased_until": f"CASE WHEN free.v THEN {_UNTIL} END",
}
FIRST_TRY: Final = {"attempts": "CASE WHEN free.v THEN 1 ELSE 0 END"}
STORED: Final = "id, config_id, kind, external_id, lease"
Stored = tuple[int, int, str, str, str]  # of an inbox row that was inserted; the lease may be ""


def write_row(row: Mapping[str, Any]) -> str:
    """An inbox row as `store` takes it. All rows have the same names."""
    return encode(row, _token_of)


def store(
    names: Iterable[str],
    texts: Sequence[str],
    keys: Sequence[str],
    wanted: Sequence[bool],
    owner: str,
) -> list[Stored]:
    """Insert inbox rows that are new, those that are ``wanted`` leased to `owner` if nothing is open before them.

    ``texts`` are the rows by `write_row`, ``names`` what each has values for, ``keys`` the order keys of those wanted.
    Returns what was inserted.
    """
    flagged = (
        f'{text[:-1]},"wanted":{"true" if one else "false"}}}'
        for text, one in zip(texts, wanted, strict=True)
    )
    given = {"owner": owner, "secret": new_secret(), "keys": keys, "rows": f"[{','.join(flagged)}]"}
    shape = shape_of(InboxRow, [dict.fromkeys(names)])
    return cast("list[Stored]", prepared.run(_storing(shape), given))


def _token_of(value: object) -> str:
    """Of an inbox row's values, all but this go into JSON as they are."""
    if isinstance(value, Sealed):
        return value.token
    raise TypeError(type(value).__name__)


@lru_cache(maxsize=16)
def _storing(shape: Shape) -> str:
    leased = {name: text.format(otherwise="u.state") for name, text in LEASED.items()} | FIRST_TRY
    ahead = _AHEAD.format(table=shape.table, others=OPEN)
    return (
        f"WITH {ahead} INSERT INTO {shape.table} ({shape.columns}) SELECT {_selected(shape, leased)} "  # noqa: S608 - names and constants of our own
        f"FROM jsonb_to_recordset(%(rows)s::jsonb) AS u({shape.types}, wanted boolean), {_FREE.format(wanted='u.wanted')} "
        f"WHERE {UNHURRIED} ON CONFLICT DO NOTHING RETURNING {STORED}"
    )


# The ids of inbox rows that are handled now and, by the key of an outbox row, its id and its lease or "".
Handled = tuple[set[int], dict[str, tuple[int, str]]]


def finish(
    leases: Sequence[tuple[int, str]],
    replies: Sequence[Mapping[str, Any]],
    rows: Mapping[type[models.Model], Sequence[Mapping[str, Any]]],
    owner: str,
    secret: str,
) -> Handled:
    """Mark inbox rows that still have these leases as handled; insert what belongs to them, and only to them.

    ``replies`` are outbox rows, leased to `owner` unless replies to the same place wait in other hands; ``replies``
    and ``rows`` have ``turn``, the id of their inbox row, beside their values.
    """
    shapes = tuple(shape_of(model, found) for model, found in rows.items())
    shape = shape_of(OutboxRow, replies) if replies else None
    given: dict[str, Any] = {
        "ids": [pk for pk, _ in leases],
        "leases": [lease for _, lease in leases],
        "owner": owner,
        "secret": secret,
        "keys": list({row["order_key"] for row in replies}),
        "replies": _document(shape, replies) if shape else None,
    }
    given |= {
        f"rows{at}": _document(one, rows[model])
        for at, (model, one) in enumerate(zip(rows, shapes, strict=True))
    }
    found = prepared.run(_finishing(shape, shapes), given)
    sent = {key: (pk, lease) for pk, key, lease in found if key is not None}
    return {pk for pk, key, _ in found if key is None}, sent


def _document(shape: Shape, rows: Sequence[Mapping[str, Any]]) -> str:
    return as_document(fill(shape, rows, "turn"))


@lru_cache(maxsize=64)
def _finishing(replies: Shape | None, others: tuple[Shape, ...]) -> str:
    inbox = InboxRow._meta.db_table
    steps = [
        f"ours AS (UPDATE {inbox} AS b SET state = 'done', handled_at = statement_timestamp(), owner = '', lease = '', "  # noqa: S608 - names and constants of our own
        f"leased_until = NULL FROM unnest(%(ids)s::bigint[], %(leases)s::text[]) AS v(pk, token) "
        f"WHERE {UNHURRIED} AND b.id = v.pk AND b.lease = v.token RETURNING b.id)"
    ]
    told = "SELECT id, NULL AS key, NULL AS lease FROM ours"
    if replies is not None:
        leased = {name: text.format(otherwise=literal("pending")) for name, text in LEASED.items()}
        free = _FREE.format(wanted="TRUE")
        steps += [
            _AHEAD.format(table=replies.table, others=f"{OPEN} AND r.owner <> %(owner)s"),
            f"sent AS ({_insertion(replies, 'replies', leased, f', {free}')} RETURNING id, key, lease)",
        ]
        told += " UNION ALL SELECT id, key, lease FROM sent"
    steps += [f"more{at} AS ({_insertion(shape, f'rows{at}', {})})" for at, shape in enumerate(others)]
    return f"WITH {', '.join(steps)} {told}"


def _insertion(shape: Shape, document: str, instead: Mapping[str, str], beside: str = "") -> str:
    """In the order of the document, whichever way the planner joins."""
    return (
        f"INSERT INTO {shape.table} ({shape.columns}) SELECT {_selected(shape, instead)} FROM ROWS FROM "  # noqa: S608 - names and constants of our own
        f"(jsonb_to_recordset(%({document})s::jsonb) AS ({shape.types}, turn bigint)) WITH ORDINALITY AS u({shape.names}, turn, place)"
        f"{beside} WHERE u.turn = ANY(ARRAY(SELECT id FROM ours)) ORDER BY u.place"
    )


def _selected(shape: Shape, instead: Mapping[str, str]) -> str:
    return ",".join(instead.get(name, value) for name, value in shape.selected)
