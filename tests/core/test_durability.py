"""What is acknowledged outlives a power failure, not only a crash of this process."""

from django.db import connection

from bifang.core import db
from tests.databases import Database


async def test_commit_on_sqlite_returns_when_it_is_on_the_disk(database: Database) -> None:
    """FULL: the log is waited for. PostgreSQL waits unless it is told not to, and nothing here tells it."""

    def level() -> int:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous")
            return int(cursor.fetchone()[0])

    assert await db.call(level) == 2
