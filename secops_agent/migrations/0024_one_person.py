"""A person is one identity: several accounts of one user, the proposal's corporation, the owner of a token."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("secops_agent", "0023_audit_indexes"),
    ]

    operations = [
        migrations.AlterField(
            model_name="staff",
            name="user",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="staff_rows",
                to=settings.AUTH_USER_MODEL, verbose_name="登录用户",
            ),
        ),
        migrations.RenameField(model_name="proposal", old_name="asker_corp", new_name="corp_id"),
        migrations.AlterField(
            model_name="proposal",
            name="corp_id",
            field=models.CharField(blank=True, default="", max_length=100, verbose_name="企业 ID"),
        ),
        migrations.RenameField(model_name="apitoken", old_name="created_by", new_name="owner"),
        migrations.AlterField(
            model_name="apitoken",
            name="owner",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+",
                to=settings.AUTH_USER_MODEL, verbose_name="归属用户",
            ),
        ),
        migrations.AlterModelOptions(
            name="action",
            options={
                "ordering": ["-id"],
                "permissions": [("settle_action", "可以核实未知的结果")],
                "verbose_name": "处置动作", "verbose_name_plural": "处置动作",
            },
        ),
    ]
