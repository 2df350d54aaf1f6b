"""The gravest level that was known of what a silence covers; of older ones nothing is known: they go on as they were."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("secops_agent", "0058_outcome")]

    operations = [
        migrations.AddField(
            model_name="silence",
            name="worst",
            field=models.CharField(
                blank=True,
                choices=[
                    ("critical", "严重"), ("high", "高危"), ("medium", "中危"), ("low", "低危"), ("info", "信息")
                ],
                db_default="",
                default="",
                max_length=8,
                verbose_name="静默到的级别",
            ),
        )
    ]  # fmt: skip
