from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("secops_agent", "0024_one_person")]

    operations = [
        migrations.AddField(
            model_name="conversationmessage",
            name="author",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=220, verbose_name="说话人 ID"
            ),
        ),
    ]
