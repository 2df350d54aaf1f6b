import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def find_makers(apps, schema_editor):
    """By name, where exactly one login can be meant; the others are unknown, and an address of all shifts stops."""
    app, model = settings.AUTH_USER_MODEL.split(".")
    users = apps.get_model(app, model).objects.order_by("pk")
    feeds = apps.get_model("secops_agent", "CalendarFeed").objects
    staff = apps.get_model("secops_agent", "Staff").objects.exclude(user=None)
    for name in set(feeds.filter(revoked_at=None).values_list("made_by", flat=True)):
        found = set(staff.filter(name=name).values_list("user_id", flat=True))
        found |= set(users.filter(username=name).values_list("pk", flat=True))
        if len(found) == 1:
            feeds.filter(made_by=name).update(maker_id=found.pop())


class Migration(migrations.Migration):

    dependencies = [
        ('secops_agent', '0028_mentions'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='calendarfeed',
            name='maker',
            field=models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='创建的登录用户'),
        ),
        migrations.RunPython(find_makers, migrations.RunPython.noop, elidable=True),
    ]
