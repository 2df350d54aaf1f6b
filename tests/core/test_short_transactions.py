"""Short transactions: the threads of a process take turns by themselves, not by SQLite's waiting."""

import threading

from django.db import connection

from bifang.channels.models import InboxRow
from bifang.core.database.db import short_transaction
from tests.channels.boxes import incoming, store
from tests.databases import Database


def test_threads_take_turns_without_waiting_at_sqlite(database: Database) -> None:
    (row,) = store(incoming())
    found: list[object] = []

    def write() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA busy_timeout = 0")  # who meets a locked database fails at once
            with short_transaction():
                found.append(InboxRow.objects.filter(pk=row.pk).update(text="二"))
        except Exception as error:
            found.append(error)
        finally:
            connection.close()

    other = threading.Thread(target=write)
    with short_transaction():
        InboxRow.objects.filter(pk=row.pk).update(text="一")
        other.start()
        other.join(0.5)
    other.join(60)
    assert found == [1]


def test_a_short_transaction_is_part_of_the_one_around_it(database: Database) -> None:
    with short_transaction(), short_transaction():
        store(incoming("里面"))
    assert InboxRow.objects.get().text == "里面"
