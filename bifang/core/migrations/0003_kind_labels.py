"""The kinds' labels come from the applications that register them; nothing changes in the database."""

import bifang.core.kinds
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0002_login_failures")]

    operations = [
        migrations.AlterField(
            model_name="systemconfig",
            name="kind",
            field=models.CharField(choices=bifang.core.kinds.kind_choices, max_length=32, verbose_name="类型"),
        ),
    ]
