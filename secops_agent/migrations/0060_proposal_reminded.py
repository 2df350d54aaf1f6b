"""When approvers were asked again about a proposal that nobody decided."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("secops_agent", "0059_silence_worst")]

    operations = [
        migrations.AddField(
            model_name="proposal",
            name="reminded_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="催办时间"),
        )
    ]
