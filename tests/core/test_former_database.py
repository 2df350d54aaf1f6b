"""Databases of other versions: an older one is brought here with all it holds; a newer one, or one of before, is left as it is."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Model

from bifang.channels.cards.models import Card
from bifang.core.database.founding import MARK
from bifang.core.database.schema import FIRST, OURS, pending_migrations
from bifang.core.errors import ConfigError
from bifang.core.models import Switch
from bifang.core.monitoring.health_checks import check_migrations
from bifang.core.monitoring.startup import await_database
from bifang.core.secrets.sealed import SealedField, place_of
from secops_agent.models.people.usage import ModelPrice
from tests.admin_pages import MODELS, serve_plain_static, superuser
from tests.databases import Database
from tests.every_page import admin_pages, own_pages
from tests.schema_standing import standing

# A row of every screen and more, as the first release (9ac95978) wrote it: `ROWS` of its tests, its `ask`, its audit.
FIRST_RELEASE = Path(__file__).with_name("first_release.json")
# Sealed with this key, which was made for these rows.
KEY = "V6XljcoLwYjWLZMXmN_gmAElYvXMe3Bpp2fivXUPjSM="
PRICES = import_module("secops_agent.migrations.0001_first_release").PRICES
MOVED = {"dingtalk_integration.card": "channels.card"}
# Of the processes that ran then; of what runs by itself, one job was retired; counts that are not kept any more.
GONE = ("dingtalk_integration.clientstate", "django_q.schedule", "secops_agent.alerttally")


def make_empty() -> None:
    """As it is before its first migration."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
            return
        file = Path(str(connection.settings_dict["NAME"]))
    connection.close()
    for each in file.parent.glob(f"{file.name}*"):
        each.unlink()


def migrate_to_first_release() -> Any:
    """Returns the models of then."""
    executor = MigrationExecutor(connection)
    executor.loader = MigrationLoader(connection, replace_migrations=False)
    leaves = executor.loader.graph.leaf_nodes()
    others = [node for node in leaves if node[0] not in OURS]
    state = executor.migrate([*others, *((name, FIRST[1]) for name in sorted(OURS - {"feishu_integration"}))])
    return state.apps


def write_former_rows(models: Any) -> dict[str, set[Any]]:
    """The keys of what was written, by today's names of the models."""
    written = {}
    for label, table in json.loads(FIRST_RELEASE.read_text(encoding="utf-8")).items():
        model = models.get_model(label)
        fields = [model._meta.get_field(name) for name in table["columns"]]
        rows = [
            model(**{field.attname: field.to_python(value) for field, value in zip(fields, row, strict=True)})
            for row in table["rows"]
        ]
        model._default_manager.bulk_create(rows)
        with connection.cursor() as cursor:
            for statement in connection.ops.sequence_reset_sql(no_style(), [model]):
                cursor.execute(statement)
        if label not in GONE:
            written[MOVED.get(label, label)] = {row.pk for row in rows}
    return written


def grant_in_first_release(models: Any) -> None:
    """A group of the company's own may look at cards, which were DingTalk's then."""
    kind = models.get_model("contenttypes.ContentType").objects.create(
        app_label="dingtalk_integration", model="card"
    )
    right = models.get_model("auth.Permission").objects.create(content_type=kind, codename="view_card")
    models.get_model("auth.Group").objects.create(name="值班组").permissions.add(right)


def sealed_places() -> list[tuple[type[Model], str]]:
    """Every column that holds something sealed."""
    return [
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, SealedField)
    ]


@pytest.fixture
def new(database: Database) -> set[tuple[Any, ...]]:
    """What a new database consists of, made in one step."""
    recorder = MigrationRecorder(connection)
    assert any(MARK in name for _, name in recorder.applied_migrations())
    assert set(ModelPrice.objects.values_list("prefix", flat=True)) == set(PRICES)
    return standing()


@pytest.fixture
def first_release(database: Database, settings: Any, new: set[tuple[Any, ...]]) -> dict[str, set[Any]]:
    """A database of the first release; the keys of what it holds."""
    settings.ENCRYPTION_KEY_FILE.write_text(f"{KEY}\n", encoding="utf-8")
    make_empty()
    models = migrate_to_first_release()
    with transaction.atomic():
        written = write_former_rows(models)
        grant_in_first_release(models)
    return written


@pytest.mark.slow
@pytest.mark.both_databases
def test_newer_database_is_refused_and_kept_by_migrate_and_by_what_runs(database: Database) -> None:
    Switch.objects.create(name="read_only", on=True)
    MigrationRecorder(connection).record_applied("secops_agent", "0099_contract_9")
    for refusing in (lambda: call_command("migrate", verbosity=0), await_database, check_migrations):
        with pytest.raises(ConfigError, match=r"更新的版本.*secops_agent\.0099_contract_9.*备份"):
            refusing()
    assert Switch.objects.get().on
    MigrationRecorder(connection).record_unapplied("secops_agent", "0099_contract_9")
    call_command("migrate", verbosity=0)
    await_database()


@pytest.mark.both_databases
def test_database_of_before_is_refused_with_the_remedy_and_kept(database: Database) -> None:
    Switch.objects.create(name="read_only", on=True)
    recorder = MigrationRecorder(connection)
    recorder.migration_qs.filter(app__in=OURS).delete()
    recorder.record_applied("core", "0001_initial")
    with pytest.raises(ConfigError, match=r"第一个正式版之前.*没有被改动") as caught:
        call_command("migrate", verbosity=0)
    assert ("mv " if database.vendor == "sqlite" else "DATABASE_URL") in caught.value.message
    assert Switch.objects.get().on


def test_migrations_of_others_are_none_of_our_business(database: Database) -> None:
    MigrationRecorder(connection).record_applied("some_plugin", "0001_initial")
    call_command("migrate", verbosity=0)


@pytest.mark.slow
@pytest.mark.both_databases
def test_first_release_is_upgraded_with_everything_it_holds(
    first_release: dict[str, set[Any]],
    new: set[tuple[Any, ...]],
    settings: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    call_command("migrate", verbosity=0)
    assert check_migrations() == "是当前版本"
    assert standing() == new, "the history of the migrations leads to what a new database is made as"
    recorder = MigrationRecorder(connection)
    recorder.migration_qs.filter(name__contains=MARK).delete()  # as before it was there
    assert pending_migrations() == []
    del first_release["secops_agent.runbookterm"]  # an index, written anew
    for label, keys in first_release.items():
        found = set(apps.get_model(label)._default_manager.values_list("pk", flat=True))
        assert keys <= found, label
    ContentType.objects.clear_cache()  # of the databases that other tests had in this process
    right = Group.objects.get(name="值班组").permissions.get()
    assert right.content_type == ContentType.objects.get_for_model(Card)
    opened = 0
    for model, column in sealed_places():
        for row in model._default_manager.exclude(**{column: None}):
            getattr(row, column).open(place_of(model, column, row))
            opened += 1
    assert opened > 10
    call_command("verify_audit")
    assert "审计记录完整" in capsys.readouterr().out
    if connection.vendor == "postgresql":
        return  # the same rows: on SQLite every page is opened over them
    serve_plain_static(settings, tmp_path)
    client = superuser()
    rows = {model: model._default_manager.order_by("pk").first() or model() for model in MODELS}
    assert len(own_pages(client)) + len(admin_pages(client, rows)) > 120
