from django.db import migrations, models
from django.db.models import Q

from bifang.core.database.expanding import AddIndexLive


class Migration(migrations.Migration):

    atomic = False
    dependencies = [("secops_agent", "0051_gateway_targets")]

    operations = [
        AddIndexLive(
            "alert",
            models.Index(
                fields=["acknowledged_at", "created_at"],
                condition=Q(acknowledged_at__isnull=False),
                name="alert_acknowledged",
            ),
        ),
        AddIndexLive(
            "alert",
            models.Index(
                fields=[
                    "closed_at", "status", "suppressed_by", "verdict", "severity", "closed_by_source", "first_seen",
                    "created_at", "due_at", "assignee",
                ],
                condition=Q(closed_at__isnull=False),
                name="alert_closed",
            ),
        ),
        migrations.RemoveIndex("alert", "alert_acknowledged_at"),
        migrations.RemoveIndex("alert", "alert_closed_at"),
    ]
