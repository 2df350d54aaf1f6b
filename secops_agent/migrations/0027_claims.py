"""Actions are claimed, as all rows are."""

from django.db import migrations, models
from django.db.models import Q


def say_claimed(apps, schema_editor):
    apps.get_model("secops_agent", "action").objects.filter(state="leased").update(state="claimed")


class Migration(migrations.Migration):

    dependencies = [("secops_agent", "0026_asset_importance")]

    operations = [
        migrations.RenameField("action", "lease", "token"),
        migrations.RenameField("action", "leased_until", "claimed_until"),
        migrations.AlterField(
            "action", "claimed_until", models.DateTimeField(blank=True, null=True, verbose_name="领取到期")
        ),
        migrations.AlterField(
            "action", "owner", models.CharField(blank=True, default="", max_length=80, verbose_name="处理进程")
        ),
        migrations.AlterField(
            "action",
            "state",
            models.CharField(
                choices=[
                    ("pending", "等待执行"),
                    ("claimed", "准备执行"),
                    ("calling", "执行中"),
                    ("done", "已执行"),
                    ("dry", "演练（未做改动）"),
                    ("failed", "未执行"),
                    ("unknown", "结果未知"),
                ],
                default="pending",
                max_length=8,
                verbose_name="状态",
            ),
        ),
        migrations.RunPython(say_claimed, migrations.RunPython.noop, elidable=True),
        migrations.RemoveIndex("action", "action_open"),
        migrations.AddIndex(
            "action",
            models.Index(
                fields=["state", "id"],
                name="action_open",
                condition=Q(state__in=["pending", "claimed", "calling"]),
            ),
        ),
    ]
