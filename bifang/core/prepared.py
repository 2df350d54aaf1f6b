"""Statements given as text that run for every message: PostgreSQL keeps them prepared.

Django puts the values into the text, so the server reads and plans each one anew. How often a statement runs before
it is prepared is ``prepare_threshold`` of the database's options.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

NEVER = 1_000_000  # times: so often nothing runs


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
    link: Any = connections[DEFAULT_DB_ALIAS]
    if link.vendor == "sqlite":
        with link.cursor() as cursor:
            cursor.execute(text, parameters)
            return list(cursor.fetchall())
    import psycopg

    link.close_if_health_check_failed()
    link.ensure_connection()
    link.validate_no_broken_transaction()
    with link.wrap_database_errors, psycopg.Cursor(link.connection) as cursor:
        cursor.execute(text, parameters)
        return cursor.fetchall() if cursor.description else []
