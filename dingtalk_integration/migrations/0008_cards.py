"""Cards belong to every platform now; their table stays."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('channels', '0007_cards'),
        ('dingtalk_integration', '0007_client_states'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel(name='Card')]),
    ]
