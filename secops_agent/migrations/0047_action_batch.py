from django.db import migrations, models

from bifang.core.database.expanding import AddIndexLive


class Migration(migrations.Migration):
    atomic = False
    dependencies = [
        ('secops_agent', '0046_reporting_clock'),
    ]

    operations = [
        AddIndexLive(
            model_name='action',
            index=models.Index(condition=models.Q(('batch__isnull', False)), fields=['batch'], name='action_batch'),
        ),
    ]
