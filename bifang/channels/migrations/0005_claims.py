"""Rows are claimed: one word for it everywhere."""

from django.db import migrations, models
from django.db.models import Q

BOXES = ("inboxrow", "outboxrow")
OPEN = ["pending", "claimed"]


def say_claimed(apps, schema_editor):
    for name in BOXES:
        apps.get_model("channels", name).objects.filter(state="leased").update(state="claimed")


class Migration(migrations.Migration):

    dependencies = [("channels", "0004_fewer_indexes")]

    operations = [
        *(migrations.RenameField(box, "lease", "token") for box in BOXES),
        *(migrations.RenameField(box, "leased_until", "claimed_until") for box in BOXES),
        *(
            migrations.AlterField(
                box, "claimed_until", models.DateTimeField(blank=True, null=True, verbose_name="领取到期")
            )
            for box in BOXES
        ),
        *(
            migrations.AlterField(
                box,
                "state",
                models.CharField(
                    choices=[("pending", "等待"), ("claimed", "处理中"), ("done", "已完成"), ("dead", "死信")],
                    default="pending",
                    max_length=8,
                    verbose_name="状态",
                ),
            )
            for box in BOXES
        ),
        migrations.RunPython(say_claimed, migrations.RunPython.noop, elidable=True),
        *(migrations.RemoveIndex(box, f"{box[:-3]}_open") for box in BOXES),
        *(
            migrations.AddIndex(
                box,
                models.Index(
                    fields=["order_key", "id"], name=f"{box[:-3]}_open", condition=Q(state__in=OPEN)
                ),
            )
            for box in BOXES
        ),
    ]
