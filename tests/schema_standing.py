"""All that the schema of a database consists of, to compare how it was made."""

import re
from typing import Any

from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from bifang.core.database.founding import MARK

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
