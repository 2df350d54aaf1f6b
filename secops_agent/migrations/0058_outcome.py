"""Whether what an alert tells of got through, and from where to where; of older ones by the words of the rule."""

from typing import Any

from django.db import migrations, models

from secops_agent.services.outcomes import outcome_told

_AT_ONCE = 500


def judge(apps: Any, schema_editor: Any) -> None:
    """By each rule's or title's words once."""
    alerts = apps.get_model("secops_agent", "Alert").objects.order_by()
    found: dict[str, list[int]] = {}
    for pk, rule, title in alerts.values_list("pk", "rule_name", "title").iterator(chunk_size=2000):
        if outcome := outcome_told(rule, title):
            found.setdefault(outcome, []).append(pk)
    for outcome, ids in found.items():
        for start in range(0, len(ids), _AT_ONCE):
            alerts.filter(pk__in=ids[start : start + _AT_ONCE]).update(outcome=outcome)


class Migration(migrations.Migration):
    dependencies = [("secops_agent", "0057_schedule_once")]

    operations = [
        migrations.AddField(
            model_name="alert",
            name="outcome",
            field=models.CharField(
                blank=True,
                choices=[
                    ("succeeded", "已得手"),
                    ("passed", "未拦截"),
                    ("attempted", "只是尝试"),
                    ("blocked", "已拦截"),
                ],
                db_default="",
                default="",
                max_length=10,
                verbose_name="结果",
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="way",
            field=models.CharField(
                blank=True, db_default="", default="", editable=False, max_length=100, verbose_name="方向"
            ),
        ),
        migrations.RunPython(judge, migrations.RunPython.noop),
    ]
