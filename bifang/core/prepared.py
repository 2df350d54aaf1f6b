"""Statements given as text that run for every message: the database keeps them prepared.

Django puts the values into the text for PostgreSQL, so the server reads and plans each one anew; for SQLite it writes
the text anew each time. How often a statement runs before PostgreSQL keeps it is ``prepare_threshold`` of the
database's options.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, connections

NEVER: Final = 1_000_000  # times: so often nothing runs
PLACE: Final = re.compile(r"%\((\w+)\)s|%s|%%")  # where a value goes; and a percent sign


def vendor() -> str:
    """ "postgresql" or "sqlite". Without a connection: to ask for one takes longer, and in an event loop makes it."""
    return str(connections.settings[DEFAULT_DB_ALIAS]["ENGINE"]).rpartition(".")[2].removesuffix("3")


def allowed() -> bool:
    """May statements be kept prepared? Not with some poolers: `bifang.env.database` tells how to say so."""
    options: Mapping[str, Any] = connections.settings[DEFAULT_DB_ALIAS].get("OPTIONS", {})
    threshold = options.get("prepare_threshold", 0)
    return threshold is not None and int(threshold) < NEVER


def run(text: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows that the statement returns; by itself it is its own transaction. Raises Django's database errors."""
    link = _link()
    if link.vendor == "sqlite":
        with link.wrap_database_errors:
            return list(link.connection.execute(for_sqlite(text), parameters).fetchall())
    import psycopg

    with link.wrap_database_errors, psycopg.Cursor(link.connection) as cursor:
        cursor.execute(text, parameters)
        return cursor.fetchall() if cursor.description else []


def repeat(text: str, rows: Sequence[Sequence[Any]]) -> None:
    """The same statement for each of these, on SQLite: there nothing is on its way to a server."""
    link = _link()
    with link.wrap_database_errors:
        link.connection.executemany(for_sqlite(text), rows)


def _link() -> Any:
    link: Any = connections[DEFAULT_DB_ALIAS]
    link.close_if_health_check_failed()
    link.ensure_connection()
    link.validate_no_broken_transaction()
    return link


@lru_cache(maxsize=512)
def for_sqlite(text: str) -> str:
    """The statement with the marks of SQLite's own module."""
    return PLACE.sub(lambda at: f":{at[1]}" if at[1] else at[0].replace("%s", "?").replace("%%", "%"), text)
