"""A database of before the first release is left as it is, with a way out."""

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from bifang.core.errors import ConfigError
from bifang.core.models import Switch
from tests.databases import Database


@pytest.mark.both_databases
def test_database_of_before_is_refused_with_the_remedy_and_kept(database: Database) -> None:
    Switch.objects.create(name="read_only", on=True)
    MigrationRecorder(connection).record_applied("secops_agent", "0099_gone")
    with pytest.raises(ConfigError, match="没有被改动") as caught:
        call_command("migrate", verbosity=0)
    assert ("mv " if database.vendor == "sqlite" else "DATABASE_URL") in caught.value.message
    assert Switch.objects.get().on
    MigrationRecorder(connection).record_unapplied("secops_agent", "0099_gone")
    call_command("migrate", verbosity=0)


def test_migrations_of_others_are_none_of_our_business(database: Database) -> None:
    MigrationRecorder(connection).record_applied("some_plugin", "0001_initial")
    call_command("migrate", verbosity=0)
