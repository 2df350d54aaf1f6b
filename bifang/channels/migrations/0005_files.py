from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("channels", "0004_unknown_outcome")]

    operations = [
        migrations.AddField(
            model_name="outboxrow",
            name="file_name",
            field=models.CharField(blank=True, default="", max_length=200, verbose_name="文件"),
        ),
        migrations.AddField(
            model_name="outboxrow", name="file", field=models.BinaryField(null=True)
        ),
    ]
