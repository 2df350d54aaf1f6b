"""A new database, whose tables are made in one step, is what the history of the migrations makes of one."""

import re
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from bifang.core.database import schema
from bifang.core.database.founding import MARK
from secops_agent.models.people.usage import ModelPrice
from tests.core.test_former_database import make_empty
from tests.databases import Database

pytestmark = [pytest.mark.slow, pytest.mark.both_databases]
OF_POSTGRESQL = (
    "SELECT table_name, column_name, data_type, is_nullable, column_default, character_maximum_length, is_identity"
    " FROM information_schema.columns WHERE table_schema = 'public'",
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace",
    "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'",
)


def standing() -> set[tuple[Any, ...]]:
    """All that the schema consists of, and the names of the migrations."""
    found = {
        ("migration", *key)
        for key in MigrationRecorder(connection).applied_migrations()
        if MARK not in key[1]
    }
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name, coalesce(sql, '') FROM sqlite_master")
            return found | {(name, *_parts(sql)) for name, sql in cursor.fetchall()}
        for text in OF_POSTGRESQL:
            cursor.execute(text)
            found |= set(cursor.fetchall())
    return found


def _parts(sql: str) -> list[str]:
    """In whatever order the columns are."""
    return sorted(re.sub(r"[()]", "", part).strip() for part in sql.split(","))


def prices() -> list[Any]:
    return list(ModelPrice.objects.order_by("prefix").values_list("prefix", "input_price"))


def test_history_and_its_short_form_lead_to_the_same_database(database: Database) -> None:
    make_empty()
    call_command("migrate", verbosity=0)
    assert any(MARK in name for _, name in MigrationRecorder(connection).applied_migrations())
    founded, seeded = standing(), prices()
    make_empty()
    executor = MigrationExecutor(connection)
    executor.loader = MigrationLoader(connection, replace_migrations=False)
    executor.migrate([node for node in executor.loader.graph.leaf_nodes() if MARK not in node[1]])
    assert schema.pending_migrations() == [], "an upgraded database lacks nothing"
    assert standing() ^ founded == set()
    assert prices() == seeded != []
    call_command("migrate", verbosity=0)
    assert standing() == founded
