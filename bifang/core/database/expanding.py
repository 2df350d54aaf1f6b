"""Migrations that the release before can live with: workers of two releases run side by side while one upgrades.

A release only adds (*expand*): nullable columns or such with a default in the database, tables, indexes that are built
without blocking writers. What it no longer uses leaves the models at once and the database one release later, by a
migration named ``NNNN_contract_<release>``: the last release that used it (``0043_contract_0_1_0``).
"""

from typing import Any, Final

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import AddIndex
from django.db.migrations.state import ProjectState

_INVALID: Final = "SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid)"


class AddIndexLive(AddIndexConcurrently):
    """Adds an index while others write: on PostgreSQL concurrently (the migration has ``atomic = False``), on SQLite as
    ever. What a broken attempt has left is built again."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            AddIndex.database_forwards(self, app_label, schema_editor, from_state, to_state)
            return
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(
                "SET lock_timeout = 0"
            )  # it waits for transactions that are open, and blocks nobody
            cursor.execute(_INVALID, [self.index.name])
            if cursor.fetchone()[0]:
                cursor.execute(f'DROP INDEX CONCURRENTLY "{self.index.name}"')
        super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor == "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)
        else:
            AddIndex.database_backwards(self, app_label, schema_editor, from_state, to_state)
