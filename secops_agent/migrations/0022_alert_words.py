from django.db import OperationalError, migrations, transaction

TABLE = "secops_agent_alertwords"


def create(apps, editor):
    """The index behind keyword search: no model, since the two databases keep it in different shapes."""
    if editor.connection.vendor == "postgresql":
        editor.execute(
            f"CREATE TABLE {TABLE} (alert_id bigint PRIMARY KEY REFERENCES secops_agent_alert (id) "
            "ON DELETE CASCADE, words tsvector NOT NULL)"
        )
        # A short list of pending entries: every search reads it.
        editor.execute(f"CREATE INDEX alert_words ON {TABLE} USING gin (words) WITH (gin_pending_list_limit = 512)")
        return
    try:
        with transaction.atomic(editor.connection.alias):
            editor.execute(f"CREATE VIRTUAL TABLE {TABLE} USING fts5(words, content='', detail=none, tokenize='ascii')")
    except OperationalError:  # an SQLite without FTS5: searches read the alerts themselves
        pass


def drop(apps, editor):
    editor.execute(f"DROP TABLE IF EXISTS {TABLE}")


class Migration(migrations.Migration):

    dependencies = [("secops_agent", "0021_alert_indexes")]
    operations = [migrations.RunPython(create, drop)]
