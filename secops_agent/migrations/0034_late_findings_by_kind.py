from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("secops_agent", "0033_owned_rules"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="finding",
            name="finding_due",
        ),
        migrations.AddIndex(
            model_name="finding",
            index=models.Index(
                condition=models.Q(("active", True)), fields=["due_at", "kind"], name="finding_due"
            ),
        ),
    ]
