"""Which errors of the database say nothing against what was written."""

import secrets
from collections.abc import Callable

import pytest
from django.db import Error, connection, transaction

from bifang.core.database.db import is_unavailable, on_postgresql
from bifang.core.models import Switch
from tests.databases import Database

pytestmark = pytest.mark.both_databases


def execute(*statements: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for each in statements:
            cursor.execute(each)


def failed(work: Callable[[], object]) -> Error:
    with pytest.raises(Error) as caught:
        work()
    return caught.value


def test_what_a_row_is_refused_for_is_its_own(database: Database) -> None:
    Switch.objects.create(name="一个")
    own = [lambda: Switch.objects.create(name="一个"), lambda: execute("SELECT * FORM nothing")]
    if on_postgresql():
        long = secrets.token_hex(8000)  # is not to be had in an index
        own.append(lambda: execute("CREATE TEMP TABLE t (a text UNIQUE)", f"INSERT INTO t VALUES ('{long}')"))
        own.append(lambda: execute("SELECT 'x'::int"))
    assert [is_unavailable(failed(each)) for each in own] == [False] * len(own)


def test_what_the_database_cannot_is_its_own(database: Database) -> None:
    theirs = [_is_full, _is_read_only] if not on_postgresql() else [_is_read_only, _is_slow, _is_gone]
    assert [is_unavailable(failed(each)) for each in theirs] == [True] * len(theirs)


def _is_full() -> None:
    execute("PRAGMA max_page_count = 1", "CREATE TABLE t AS SELECT zeroblob(100000) AS a")


def _is_read_only() -> None:
    if on_postgresql():
        execute("SET TRANSACTION READ ONLY", "DELETE FROM core_switch")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA query_only = ON")
        try:
            cursor.execute("DELETE FROM core_switch")
        finally:
            cursor.execute("PRAGMA query_only = OFF")


def _is_slow() -> None:
    execute("SET LOCAL statement_timeout = 1", "SELECT pg_sleep(5)")


def _is_gone() -> None:
    execute("SELECT pg_terminate_backend(pg_backend_pid())")
