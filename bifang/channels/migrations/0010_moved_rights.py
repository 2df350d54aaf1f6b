"""Rights on cards and connection states go with them: they were the DingTalk application's until 0006 and 0007."""

from typing import Any

from django.db import migrations

MOVED = ("card", "clientstate")


def move(apps: Any, schema_editor: Any) -> None:
    """A group or a person who was given a right on what moved keeps it; the groups of ours have theirs by themselves."""
    types = apps.get_model("contenttypes", "ContentType").objects.using(schema_editor.connection.alias)
    for model in MOVED:
        old = types.filter(app_label="dingtalk_integration", model=model).first()
        new = types.filter(app_label="channels", model=model).first()
        if old is not None and new is None:
            types.filter(pk=old.pk).update(app_label="channels")
        elif old is not None:
            _hand_over(old, new)


def _hand_over(old: Any, new: Any) -> None:
    for right in old.permission_set.all():
        for heir in new.permission_set.filter(codename=right.codename):
            heir.group_set.add(*right.group_set.all())
            heir.user_set.add(*right.user_set.all())


class Migration(migrations.Migration):

    dependencies = [
        ('channels', '0009_outages'),
        ('dingtalk_integration', '0008_cards'),
        ('auth', '0012_alter_user_first_name_max_length'),
        ('contenttypes', '0002_remove_content_type_name'),
    ]

    operations = [migrations.RunPython(move, migrations.RunPython.noop, elidable=True)]
