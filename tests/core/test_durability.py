"""What is acknowledged outlives a power failure, not only a crash of this process."""

from typing import Any

from django.db import connection

from bifang.channels import inbox
from bifang.core import db
from bifang.core.db import safe_on_disk
from bifang.core.models import Switch
from tests.channels.boxes import incoming
from tests.databases import Database


def level() -> int:
    """How this connection commits: 1 into the log, 2 when the log is on the disk."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous")
        return int(cursor.fetchone()[0])


def test_only_what_must_be_waits_for_the_disk(database: Database) -> None:
    """PostgreSQL waits unless it is told not to, and nothing here tells it."""
    assert level() == 1
    with safe_on_disk():
        assert level() == 2
        Switch.objects.create(name="a")
    assert level() == 1
    assert Switch.objects.get().name == "a"


async def test_received_message_is_committed_to_the_disk(database: Database) -> None:
    item = await db.call(incoming)
    levels: list[int] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "INSERT" in sql:
            levels.append(context["connection"].connection.execute("PRAGMA synchronous").fetchone()[0])
        return execute(sql, params, many, context)

    def store() -> None:
        with connection.execute_wrapper(watch):
            inbox.store([item])

    await db.call(store)
    assert levels == [2]
