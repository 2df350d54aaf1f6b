"""The statements behind every message, as text.

Django takes longer to build such a query than a database to run it, and in literal form the partial indexes of
open rows are seen. Everything else in this package goes through the ORM.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, connections

from bifang.core.prepared import run
from bifang.core.rows import write_moment

_OPEN: Final = "r.state IN ('pending', 'leased')"
_NOBODY: Final = "owner = '', lease = '', leased_until = NULL"
# One parameter, however many values: the text stays the same, and so does the prepared statement. As the left
# side of a CROSS JOIN it comes first in SQLite's plan, too, and the rows are looked up one by one.
_KEYS: Final = {"sqlite": "json_each(%s) AS v", "postgresql": "unnest(%s::text[]) AS v(value)"}
_IDS: Final = {"sqlite": "SELECT value FROM json_each(%s)", "postgresql": "SELECT unnest(%s::bigint[])"}
_CLOCK: Final = {"sqlite": "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')", "postgresql": "clock_timestamp()"}
_UNHURRIED: Final = {
    "sqlite": "TRUE",
    "postgresql": "(SELECT set_config('synchronous_commit', 'off', true)) = 'off'",
}
_LEASES: Final = (
    "SELECT json_extract(value, '$[0]') AS pk, json_extract(value, '$[1]') AS token FROM json_each(%s)"
)


def keys_with_open_rows(order_keys: Sequence[str]) -> set[str]:
    """Which of these have rows in the inbox that are not handled yet?"""
    text = (
        f"SELECT DISTINCT r.order_key FROM {_KEYS[_link().vendor]} CROSS JOIN channels_inboxrow AS r "  # noqa: S608 - constants
        f"WHERE r.order_key = v.value AND {_OPEN}"
    )
    return {key for (key,) in run(text, [_list(order_keys)])}


def keys_waiting_elsewhere(order_keys: Sequence[str], owner: str) -> set[str]:
    """Which of these have replies that somebody else, or nobody yet, is to send?"""
    text = (
        f"SELECT DISTINCT r.order_key FROM {_KEYS[_link().vendor]} CROSS JOIN channels_outboxrow AS r "  # noqa: S608 - constants
        f"WHERE r.order_key = v.value AND {_OPEN} AND r.owner <> %s"
    )
    return {key for (key,) in run(text, [_list(order_keys), owner])}


def mark_handled(leases: Sequence[tuple[int, str]], now: datetime) -> set[int]:
    """Inbox rows (id, lease) that still have this lease are handled now; their ids. PostgreSQL: `postgres.finish`."""
    text = (
        f"UPDATE channels_inboxrow SET state = 'done', handled_at = %s, {_NOBODY} FROM ({_LEASES}) AS v "  # noqa: S608 - constants
        "WHERE channels_inboxrow.id = v.pk AND channels_inboxrow.lease = v.token RETURNING channels_inboxrow.id"
    )
    return {pk for (pk,) in run(text, [write_moment(now), json.dumps(leases)])} if leases else set()


def mark_delivered(ids: Sequence[int], route: str, receipt: str) -> None:
    """Outbox rows that the remote side accepted; their webhooks are erased.

    By itself and in no hurry: if a crash of the database's server undoes it, the reply is sent again.
    """
    vendor = _link().vendor
    text = (
        f"UPDATE channels_outboxrow SET state = 'done', sent_at = {_CLOCK[vendor]}, route = %s, receipt = %s, last_error = '', "  # noqa: S608 - constants
        f"webhook = NULL, not_before = NULL, {_NOBODY} WHERE {_UNHURRIED[vendor]} AND id IN ({_IDS[vendor]})"
    )
    run(text, [route, receipt, _list(ids)])


def _link() -> Any:
    return connections[DEFAULT_DB_ALIAS]


def _list(values: Sequence[Any]) -> Any:
    return json.dumps(values) if _link().vendor == "sqlite" else list(values)
