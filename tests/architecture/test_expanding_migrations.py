"""Migrations from now on are such that workers of the release before live with them."""

from typing import Any

import pytest
from django.apps import apps
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ModelState, ProjectState

from bifang.core.database import schema
from bifang.core.database.expanding import AddIndexLive
from bifang.core.database.schema import OURS
from bifang.core.errors import ConfigError
from tests.databases import Database
from tests.migration_rules import faults

# The last ones of before the rule: no release has them apart.
BEFORE = {"core": 4, "channels": 11, "dingtalk_integration": 9, "feishu_integration": 0, "secops_agent": 41}


def number(name: str) -> int:
    return int(name[:4])


def test_new_migrations_only_expand() -> None:
    loader = MigrationLoader(None, replace_migrations=False)
    found = []
    for key, migration in loader.disk_migrations.items():
        if key[0] in OURS and number(key[1]) > BEFORE[key[0]]:
            found += faults(migration, loader.project_state(key, at_end=False))
    assert not found, "\n".join(found)


def case(*operations: Any, name: str = "0042_more", atomic: bool = True) -> list[str]:
    """The faults of a migration of a table with one row of each kind."""
    state = ProjectState()
    fields = [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=20)),
        ("note", models.TextField(null=True)),
        ("count", models.IntegerField(db_default=0)),
    ]
    state.add_model(ModelState("secops_agent", "Box", fields))
    migration = migrations.Migration(name, "secops_agent")
    migration.operations, migration.atomic = list(operations), atomic
    return faults(migration, state)


REFUSED = [
    migrations.RemoveField("box", "note"),
    migrations.RenameField("box", "note", "text"),
    migrations.DeleteModel("box"),
    migrations.RenameModel("box", "chest"),
    migrations.AlterModelTable("box", "chests"),
    migrations.RunSQL("ALTER TABLE box DROP COLUMN note"),
    migrations.AddField("box", "size", models.IntegerField(default=0)),
    migrations.AddField("box", "size", models.IntegerField(null=True, db_index=True)),
    migrations.AddField("box", "other", models.ForeignKey("box", models.CASCADE, null=True)),
    migrations.AlterField("box", "note", models.TextField()),
    migrations.AlterField("box", "count", models.BigIntegerField(db_default=0)),
    migrations.AlterField("box", "count", models.IntegerField()),
    migrations.AlterField("box", "name", models.CharField(max_length=10)),
    migrations.AlterField("box", "name", models.CharField(max_length=20, unique=True)),
    migrations.AddIndex("box", models.Index(fields=["name"], name="box_name")),
    migrations.AddConstraint("box", models.UniqueConstraint(fields=["name"], name="one_name")),
    migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("box", "name")]),
]
ALLOWED = [
    migrations.AddField("box", "size", models.IntegerField(default=0, db_default=0)),
    migrations.AddField("box", "other", models.ForeignKey("box", models.CASCADE, null=True, db_index=False)),
    migrations.AlterField("box", "name", models.CharField("名称", max_length=40)),
    migrations.AlterField("box", "name", models.TextField()),
    migrations.RunPython(migrations.RunPython.noop),
    migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("box", "note")]),
]


@pytest.mark.parametrize("operation", REFUSED, ids=lambda each: each.describe()[:50])
def test_what_the_release_before_cannot_live_with_is_refused(operation: Any) -> None:
    assert len(case(operation)) == 1
    # One release later, under the name of the last one that used it.
    assert not case(operation, name="0042_contract_0_0_9")
    assert "not later" in case(operation, name="0042_contract_0_1_0")[0]


@pytest.mark.parametrize("operation", ALLOWED, ids=lambda each: each.describe()[:50])
def test_what_it_does_not_notice_is_allowed(operation: Any) -> None:
    assert case(operation) == []


def test_a_table_of_the_migrations_own_may_have_what_it_wants_and_live_indexes_need_no_transaction() -> None:
    made = migrations.CreateModel("Lid", [("id", models.BigAutoField(primary_key=True))])
    index = models.Index(fields=["id"], name="lid_id")
    assert case(made, migrations.AddIndex("lid", index)) == []
    live = AddIndexLive("box", models.Index(fields=["name"], name="box_name"))
    assert case(live, atomic=False) == []
    assert "atomic = False" in case(live)[0]


@pytest.mark.both_databases
def test_live_index_is_built_on_both_and_a_broken_one_is_built_again(database: Database) -> None:
    state = ProjectState.from_apps(apps)
    index = models.Index(fields=["on", "changed_at"], name="live_try")
    live, after = AddIndexLive("switch", index), state.clone()
    live.state_forwards("core", after)

    def names() -> set[str]:
        with connection.cursor() as cursor:
            return set(connection.introspection.get_constraints(cursor, "core_switch"))

    if database.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute('CREATE INDEX live_try ON core_switch ("on")')
            cursor.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'live_try'::regclass")
    with connection.schema_editor(atomic=False) as editor:
        live.database_forwards("core", editor, state, after)
    assert "live_try" in names()
    with connection.schema_editor(atomic=False) as editor:
        live.database_backwards("core", editor, after, state)
    assert "live_try" not in names()


def test_a_database_one_release_ahead_is_used_and_one_that_lacks_something_is_not(database: Database) -> None:
    recorder = MigrationRecorder(connection)
    recorder.record_applied("secops_agent", "0098_newer")
    recorder.record_applied("secops_agent", "0099_contract_0_0_9")
    assert schema.pending_migrations() == []
    recorder.record_applied("secops_agent", "0100_contract_0_1_0")
    with pytest.raises(ConfigError, match=r"0100_contract_0_1_0.*退回旧版本"):
        schema.pending_migrations()
