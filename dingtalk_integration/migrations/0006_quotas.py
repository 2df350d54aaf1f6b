from datetime import date

from django.db import migrations, models


def fill_days(apps, schema_editor):
    """What was counted by month counts for the first day of it."""
    rows = apps.get_model("dingtalk_integration", "ApiUsage").objects
    for month in set(rows.values_list("month", flat=True)):
        year, number = month.split("-")
        rows.filter(month=month).update(day=date(int(year), int(number), 1))


class Migration(migrations.Migration):
    dependencies = [("dingtalk_integration", "0005_card_name")]

    operations = [
        migrations.AddField("apiusage", "day", models.DateField("日期", null=True)),
        migrations.RunPython(fill_days, migrations.RunPython.noop),
        migrations.RemoveConstraint("apiusage", "api_usage_once"),
        migrations.AlterModelOptions(
            "apiusage",
            {
                "verbose_name": "接口用量",
                "verbose_name_plural": "接口用量",
                "ordering": ["-day", "client_id", "family", "purpose"],
            },
        ),
        migrations.RemoveField("apiusage", "month"),
        migrations.AlterField("apiusage", "day", models.DateField("日期")),
        migrations.AddField(
            "apiusage",
            "purpose",
            models.CharField(
                "用途",
                max_length=8,
                choices=[("answer", "回答"), ("alert", "告警"), ("report", "报告"), ("probe", "检查")],
                default="answer",
            ),
        ),
        migrations.AlterField("apiusage", "calls", models.PositiveBigIntegerField("次数", default=0)),
        migrations.AlterField(
            "apiusage",
            "family",
            models.CharField(
                "种类",
                max_length=8,
                choices=[
                    ("robot", "机器人接口"),
                    ("card", "卡片接口"),
                    ("webhook", "会话回复"),
                    ("base", "令牌与文件"),
                    ("stream", "收到的消息"),
                ],
            ),
        ),
        migrations.AddConstraint(
            "apiusage",
            models.UniqueConstraint(fields=["day", "client_id", "family", "purpose"], name="api_usage_once"),
        ),
        migrations.CreateModel(
            "QuotaState",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("corp_id", models.CharField("企业", max_length=200, blank=True, default="")),
                (
                    "ledger",
                    models.CharField(
                        "额度",
                        max_length=8,
                        choices=[("calls", "接口调用"), ("messages", "Webhook 与 Stream 消息")],
                    ),
                ),
                ("since", models.DateField("起始日")),
                ("told", models.PositiveSmallIntegerField("已提醒 %", default=0)),
                ("refused_at", models.DateTimeField("钉钉拒绝时间", null=True, blank=True)),
            ],
            options={
                "verbose_name": "钉钉额度",
                "verbose_name_plural": "钉钉额度",
                "ordering": ["-since", "corp_id", "ledger"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=["corp_id", "ledger", "since"], name="quota_state_once"
                    )
                ],
            },
        ),
    ]
