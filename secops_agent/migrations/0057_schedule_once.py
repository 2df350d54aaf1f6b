"""Tasks that are done once: reminders were, by their kind."""

from typing import Any

from django.db import migrations, models


def reminders(apps: Any, schema_editor: Any) -> None:
    """Until now every reminder was told once."""
    apps.get_model("secops_agent", "ScheduledTask").objects.filter(task="reminder").update(once=True)


class Migration(migrations.Migration):
    dependencies = [("secops_agent", "0056_syslog_clock")]

    operations = [
        migrations.AddField(
            model_name="scheduledtask",
            name="once",
            field=models.BooleanField(db_default=False, default=False, verbose_name="只执行一次"),
        ),
        migrations.RunPython(reminders, migrations.RunPython.noop),
    ]
