"""An import on PostgreSQL beside people who work on the same rows: each waits for the other, neither is thrown out."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections, transaction

from secops_agent.models import Alert
from secops_agent.services import reading
from tests.databases import Database
from tests.deadline import wait_until
from tests.secops.inventory_aid import alert, store

pytestmark = [pytest.mark.only_postgresql]
MANY = 2 * reading._PIECE


def import_all(*keys: int, number: int) -> int:
    try:
        outcome = store(*(alert(f"k{key}", number) for key in keys))
        return sum(outcome.updated.values())
    finally:
        connections.close_all()


def waiting() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return int(cursor.fetchone()[0])


@pytest.mark.slow
def test_import_of_many_alerts_locks_them_in_the_order_of_people(database: Database) -> None:
    """Whatever the order of the file: people lock alerts by their keys, oldest first (`cases.membership`)."""
    import_all(*range(MANY), number=0)
    first, last = Alert.objects.get(dedup_key="k0"), Alert.objects.get(dedup_key=f"k{MANY - 1}")
    assert first.pk < last.pk
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            Alert.objects.select_for_update().get(pk=first.pk)
            importing = pool.submit(import_all, *reversed(range(MANY)), number=1)
            wait_until(lambda: waiting() > 0)
            Alert.objects.select_for_update().get(pk=last.pk)
        assert importing.result(60) == MANY
