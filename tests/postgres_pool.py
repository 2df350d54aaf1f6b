"""Databases on PostgreSQL for tests: copies of one migrated template, emptied and used again.

To make a copy and to drop it was a sixth of the suite's time. A test leaves rows, and these are deleted; what left
more (another schema, thousands of rows, changes to what migrations have written) is dropped. So a test meets nothing
but what a new copy has. The processes of a session share the template: to migrate takes seconds of processor time.

All databases of a session begin with its name, and so does a connection that it holds until its end, also a violent
one: what begins with the name of no connection is left of a run that was killed, and the next session drops it.
"""

import contextlib
import pickle
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests.first import first_of_all

PREFIX = "bifang_session_"
MOST_ROWS = 2000  # deleted rows stay on disk and slow the next test down
# Down to columns, constraints, triggers and functions; copies have the object ids of their template.
_SCHEMA = """
SELECT md5(string_agg(part, ',' ORDER BY part)) FROM (
  SELECT format('%s %s', c.oid, relname) FROM pg_class c WHERE relnamespace = 'public'::regnamespace
  UNION ALL SELECT format('%s %s %s %s', attrelid, attname, atttypid, attnotnull) FROM pg_attribute
    JOIN pg_class c ON c.oid = attrelid WHERE relnamespace = 'public'::regnamespace
  UNION ALL SELECT format('%s %s', oid, convalidated) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
  UNION ALL SELECT format('%s %s', oid, tgenabled) FROM pg_trigger
  UNION ALL SELECT format('%s %s', oid, prosrc) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
  UNION ALL SELECT setconfig::text FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase
    WHERE datname = current_database()
) AS parts (part)
"""
_LEFT = """
SELECT datname FROM pg_database WHERE starts_with(datname, {prefix}) AND NOT EXISTS (
  SELECT FROM pg_stat_activity
  WHERE starts_with(application_name, {prefix}) AND starts_with(pg_database.datname, application_name)
)
"""
_TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
_WRITTEN = f"{_TABLES} AND pg_relation_size(oid) > 0"  # also where rows were and are no more
_SEQUENCES = "SELECT sequencename, start_value, last_value FROM pg_sequences WHERE schemaname = 'public'"
_OTHERS = (
    "FROM pg_stat_activity WHERE datname = {} AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
)


@dataclass(frozen=True)
class _Facts:
    """What a database is like: ``kept`` are the contents of the tables that have rows from the start."""

    schema: str
    tables: tuple[str, ...]
    kept: dict[str, str]
    sequences: frozenset[tuple[str, int, int | None]]


class Pool:
    """Databases of one server (a superuser's URL of its maintenance database); ``migrate`` makes one out of nothing.

    ``template``: its name, the same in every process that has the same ``home``; copies are named after it.
    """

    def __init__(self, server: str, migrate: Callable[[str], None], template: str, home: Path) -> None:
        self._server, self._migrate = server, migrate
        self.template, self._home = template, home
        self._free: list[str] = []
        self._facts: _Facts | None = None

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a clean database, which belongs to the caller until the end of the context."""
        if self._facts is None:
            made = first_of_all(self._home / f"{self.template}.facts", self._make_template)
            self._facts = pickle.loads(made.read_bytes())
        name = self._free.pop() if self._free else self._copy()
        try:
            yield self._url(name)
        finally:
            if self._has_emptied(name, self._facts):
                self._free.append(name)
            else:
                self._drop(name)

    def close(self) -> None:
        """Drop everything of this process."""
        for name in self._free:
            self._drop(name)

    def _make_template(self, file: Path) -> None:
        """Nobody may look at it later: a database that somebody has open cannot be copied."""
        self._drop(self.template)
        _administer(self._server, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.template)))
        self._migrate(self._url(self.template))
        with psycopg.connect(self._url(self.template)) as connection:
            file.write_bytes(pickle.dumps(_look(connection)))

    def _copy(self) -> str:
        name = f"{self.template}_{secrets.token_hex(4)}"
        names = sql.Identifier(name), sql.Identifier(self.template)
        _administer(self._server, sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
        return name

    def _drop(self, name: str) -> None:
        drop(self._server, name)

    def _has_emptied(self, name: str, wanted: _Facts) -> bool:
        """Whether it is as a new copy again, and nobody is left who might write to it."""
        try:
            with psycopg.connect(self._url(name)) as connection:
                others = sql.SQL(_OTHERS).format(name)
                connection.execute(sql.SQL("SELECT pg_terminate_backend(pid, 5000) ") + others)
                emptied = _empty(connection, wanted)
                connection.execute(
                    "SELECT pg_stat_clear_snapshot()"
                )  # a transaction sees who was there first
                return emptied and not connection.execute(sql.SQL("SELECT pid ") + others).fetchall()
        except psycopg.Error:
            return False

    def _url(self, name: str) -> str:
        return f"{self._server.rpartition('/')[0]}/{name}"


@contextlib.contextmanager
def session(server: str) -> Iterator[str]:
    """The name of a session, which is its template's; at its end whatever is named after it goes."""
    name = f"{PREFIX}{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True, application_name=name) as held:
        for (left,) in held.execute(sql.SQL(_LEFT).format(prefix=PREFIX)).fetchall():
            with contextlib.suppress(
                psycopg.Error
            ):  # somebody is in it, or another session drops it right now
                held.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(left)))
        try:
            yield name
        finally:
            for mine in named_after(server, name):
                drop(server, mine)


def named_after(server: str, name: str) -> list[str]:
    """The databases whose names begin so."""
    with psycopg.connect(server) as connection:
        found = connection.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [name])
        return [each for (each,) in found]


def drop(server: str, name: str) -> None:
    """Also one that is not there."""
    _administer(server, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _administer(server: str, statement: sql.Composed) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement)


def _look(connection: psycopg.Connection[Any]) -> _Facts:
    tables = tuple(name for (name,) in connection.execute(_TABLES))
    filled = [name for name, rows in _count(connection, tables) if rows]
    (schema,) = connection.execute(_SCHEMA).fetchone() or ("",)
    return _Facts(
        schema,
        tables,
        {name: _content(connection, name) for name in filled},
        frozenset(connection.execute(_SEQUENCES).fetchall()),
    )


def _count(connection: psycopg.Connection[Any], tables: tuple[str, ...]) -> list[tuple[str, int]]:
    """The rows of each table; no table is counted further than is of interest."""
    one = sql.SQL("SELECT {}, (SELECT count(*) FROM (SELECT 1 FROM {} LIMIT {}) AS few)")
    each = (one.format(name, sql.Identifier(name), MOST_ROWS + 1) for name in tables)
    return connection.execute(sql.SQL(" UNION ALL ").join(each)).fetchall() if tables else []


def _content(connection: psycopg.Connection[Any], table: str) -> str:
    query = sql.SQL("SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM {} AS t")
    (content,) = connection.execute(query.format(sql.Identifier(table))).fetchone() or ("",)
    return str(content)


def _empty(connection: psycopg.Connection[Any], wanted: _Facts) -> bool:
    """Delete what the template has not; whether the database is like it now."""
    connection.execute("SET session_replication_role = replica")  # no trigger forbids it, no key is looked up
    (schema,) = connection.execute(_SCHEMA).fetchone() or ("",)
    if schema != wanted.schema:
        return False
    written = {name for (name,) in connection.execute(_WRITTEN)} - wanted.kept.keys()
    filled = [(name, rows) for name, rows in _count(connection, tuple(sorted(written))) if rows]
    if sum(rows for _, rows in filled) > MOST_ROWS:
        return False
    for name, _ in filled:
        connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
    begun = {name: (start, last) for name, start, last in wanted.sequences}
    for name, *_ in frozenset(connection.execute(_SEQUENCES).fetchall()) - wanted.sequences:
        start, last = begun[name]
        connection.execute(
            "SELECT setval(quote_ident(%s)::regclass, %s, %s)", [name, last or start, last is not None]
        )
    return all(_content(connection, name) == content for name, content in wanted.kept.items())
