"""Claims: one process works on a row until a time. The one lease of every queue in the database.

Boxes, actions, import jobs, runs of scheduled tasks, investigations and their second looks, pulls, comparisons: each is
free → taken (renewed while it is in somebody's hands) → over; or released, and free again. A claim has a token, and a
row changes hands with it: who writes with a stale one changes nothing. Times are the database's (`database_now`).
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from django.db import connection, models

from bifang.channels.models import ClaimableRow, State
from bifang.core.database.db import database_now, short_transaction
from bifang.core.models import SystemConfig
from bifang.core.processes import is_gone

HOLD: Final = timedelta(seconds=25)  # how long a claim holds that nobody renews
CHUNK: Final = 500
NOBODY: Final = {"owner": "", "token": "", "claimed_until": None}
M = TypeVar("M", bound=ClaimableRow)
Held = tuple[int, str]  # a row's id, and the token it was claimed with


def new_token(now: datetime) -> str:
    """One that no other claim will have; starts with the database's time in µs, so later ones sort later."""
    return f"{int(now.timestamp() * 1e6):x}-{secrets.token_hex(6)}"


@dataclass(frozen=True, slots=True)
class Remit:
    """Whose rows a process works on: of one kind of configuration ("": of any), of one configuration (None: of all)."""

    kind: str = ""
    config_id: int | None = None

    @property
    def label(self) -> str:
        """The one configuration, as a worker shows it; "" for all."""
        return str(self.config_id or "")


EVERYTHING: Final = Remit()


def in_order(scope: Remit, ahead: str = "e.id < r.id") -> tuple[str, list[Any]]:
    """For `claim`: rows whose time has come and whose turn it is: no open row ``e`` with the same order key is ahead.

    States are literals in every statement here, so that the partial indexes of open rows are seen.
    """
    where = (
        "(r.not_before IS NULL OR r.not_before <= %s) AND NOT EXISTS (SELECT 1 FROM {table} AS e "  # noqa: S608 - our own
        f"WHERE e.order_key = r.order_key AND e.state IN ('pending', 'claimed') AND ({ahead}))"
    )
    if scope.config_id is not None:
        return f"{where} AND r.config_id = %s", [database_now(), scope.config_id]
    if scope.kind:
        configs = f"SELECT c.id FROM {SystemConfig._meta.db_table} AS c WHERE c.kind = %s"  # noqa: S608 - our own name
        return f"{where} AND r.config_id IN ({configs})", [database_now(), scope.kind]
    return where, [database_now()]


def claim(
    model: type[M],
    owner: str,
    limit: int,
    *,
    where: str = "TRUE",
    given: Sequence[Any] = (),
    hold: timedelta = HOLD,
    count_try: bool = False,
    with_followers: bool = False,
) -> list[M]:
    """Take up to `limit` waiting rows for `owner`, oldest first. ``where`` is of our own making, ``r`` the row in it.

    ``with_followers``: what waits behind them, with the same order key, comes along.
    """
    if limit <= 0:
        return []
    now = database_now()
    table, key = model._meta.db_table, model._meta.pk.column
    skip = " FOR UPDATE SKIP LOCKED" if connection.features.has_select_for_update_skip_locked else ""
    tries = ", attempts = attempts + 1" if count_try else ""
    chosen = f"{key} IN (SELECT {key}"
    if with_followers:
        chosen = f"state = '{model.free}' AND order_key IN (SELECT order_key"
    text = (
        f"WITH due AS MATERIALIZED (SELECT r.* FROM {table} AS r WHERE r.state = '{model.free}' AND {where} "  # noqa: S608 - names and constants of our own
        f"ORDER BY r.{key} LIMIT %s{skip}) "
        f"UPDATE {table} SET state = '{model.taken}', owner = %s, token = %s, claimed_until = %s{tries} "
        f"WHERE {chosen} FROM due) RETURNING *"
    ).replace("{table}", table)
    values = [*given, limit, owner[:80], new_token(now), now + hold]
    with short_transaction():
        rows = list(model._default_manager.raw(text, [_written(value) for value in values]))
    return sorted(rows, key=lambda row: row.pk)


def _written(value: Any) -> Any:
    """As a statement of ours takes it."""
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value


def held(model: type[M], held: Held) -> "models.QuerySet[M]":
    """The row, if the claim still holds."""
    return model._default_manager.filter(pk=held[0], token=held[1])


def of(row: M) -> "models.QuerySet[M]":
    """The row as it was claimed, if the claim still holds."""
    return held(type(row), (row.pk, row.token)).filter(state=row.taken)


def hold(rows: "models.QuerySet[M]", span: timedelta, **columns: Any) -> int:
    """Go on for so long from now; returns how many are still held."""
    return rows.update(claimed_until=database_now() + span, **columns)


def held_by(model: type[M], owner: str, ids: Collection[int]) -> set[int]:
    """Those of these rows that are in this owner's hands now."""
    found: set[int] = set()
    for some in _chunks(ids):
        rows = model._default_manager.filter(pk__in=some, owner=owner, state=model.taken)
        found |= set(rows.values_list("pk", flat=True))
    return found


def renew(model: type[M], owner: str, ids: Collection[int]) -> None:
    """Hold what is still ours for another `HOLD`."""
    until = database_now() + HOLD
    for some in _chunks(ids):
        model._default_manager.filter(pk__in=some, owner=owner, state=model.taken).update(claimed_until=until)


def _chunks(ids: Collection[int]) -> list[list[int]]:
    ordered = sorted(ids)
    return [ordered[start : start + CHUNK] for start in range(0, len(ordered), CHUNK)]


def finish(model: type[M], claims: Sequence[Held], **columns: Any) -> set[int]:
    """Rows whose claims still hold are done, with these columns set; returns their ids."""
    if not claims:
        return set()
    table, written = model._meta.db_table, {"state": State.DONE, **NOBODY, **columns}
    text = (
        f"UPDATE {table} SET {', '.join(f'{name} = %s' for name in written)} "  # noqa: S608 - names of our own
        f"FROM (VALUES {', '.join(['(%s, %s)'] * len(claims))}) AS v "
        f"WHERE {table}.id = v.column1 AND {table}.token = v.column2 RETURNING {table}.id"
    )
    values = [_written(value) for value in written.values()]
    with connection.cursor() as cursor:
        cursor.execute(text, [*values, *(part for one in claims for part in one)])
        return {pk for (pk,) in cursor.fetchall()}


def bury(rows: "models.QuerySet[M]", reason: str, *, state: State = State.DEAD, **columns: Any) -> int:
    """Dead letters (or with an unknown outcome), with the reason; they block no one. Returns how many."""
    return rows.update(state=state, **NOBODY, **failure(reason), **columns)


def failure(reason: str) -> dict[str, Any]:
    """Columns that tell what went wrong last."""
    return {"last_error": reason[:2000], "last_error_at": database_now()}


def release(rows: "models.QuerySet[M]", **columns: Any) -> int:
    """Back to waiting; returns how many."""
    return rows.update(state=rows.model.free, **NOBODY, **columns)


def release_expired(model: type[M]) -> int:
    """Rows whose claim ended: their process is dead or cut off. Returns how many came free."""
    late = model._default_manager.filter(state=model.taken, claimed_until__lt=database_now())
    return release(late) if late.exists() else 0


def lost(model: type[M]) -> list[M]:
    """Taken rows that nobody works on: the claim ended, or its process (`process_name`) was of this machine and is dead."""
    now, rows = database_now(), model._default_manager.filter(state=model.taken)
    return [row for row in rows if not row.claimed_until or row.claimed_until < now or is_gone(row.owner)]
