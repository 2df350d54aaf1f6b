"""What is kept about changes: history, imports, time limits, and what the demo made."""

from django.db import models

from bifang.channels.models import ClaimableRow, State
from secops_agent.models.choices import ActorKind, Severity


class History(models.Model):
    """One change: who, when, through what, old → new. Rows are only ever added."""

    entity = models.CharField("对象", max_length=20)
    entity_id = models.BigIntegerField("编号")
    at = models.DateTimeField("时间")
    actor_kind = models.CharField("操作者类型", max_length=8, choices=ActorKind.choices)
    actor_id = models.CharField("操作者编号", max_length=100, blank=True, default="")
    actor_name = models.CharField("操作者", max_length=200)
    via = models.CharField("途径", max_length=60, blank=True, default="")
    action = models.CharField("动作", max_length=20)
    changes = models.JSONField("变化", default=dict)
    note = models.TextField("备注", blank=True, default="")

    class Meta:
        verbose_name = verbose_name_plural = "变更历史"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["entity", "entity_id", "-id"], name="history_entity"),
            models.Index(fields=["at"], name="history_at"),
        ]

    def __str__(self) -> str:
        return f"{self.entity}:{self.entity_id}:{self.action}"


class ImportRun(models.Model):
    """A file that was imported. The first time counts as the time of records that carry none."""

    digest = models.CharField("文件摘要", max_length=64, unique=True)
    first_at = models.DateTimeField("首次导入")

    class Meta:
        verbose_name = verbose_name_plural = "导入记录"

    def __str__(self) -> str:
        return self.digest


class Uncompared(ClaimableRow):
    """What an import stored and has not compared with the rest yet: written with it, deleted when it is compared.

    ``ids`` by kind. Claimed by the import itself; when its claim ends, it is dead, and somebody else's turn. Written
    only by `services.intake.comparisons`.
    """

    state = models.CharField("状态", max_length=8, choices=State.choices)
    ids = models.JSONField("比对什么")

    class Meta:
        verbose_name = verbose_name_plural = "待比对"

    def __str__(self) -> str:
        return self.owner


class SlaTarget(models.Model):
    """Within what time something of a severity must be dealt with; empty: no limit."""

    severity = models.CharField("级别", max_length=10, primary_key=True, choices=Severity.choices)
    alert_hours = models.PositiveIntegerField("告警处理时限（小时）", null=True, blank=True)
    finding_days = models.PositiveIntegerField("漏洞修复时限（天）", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "处理时限"

    def __str__(self) -> str:
        return self.get_severity_display()


class DemoObject(models.Model):
    """A row that load_demo made, so that ``--clear`` removes exactly those."""

    entity = models.CharField(max_length=20)
    entity_id = models.BigIntegerField()

    class Meta:
        verbose_name = verbose_name_plural = "演示数据"
        constraints = [models.UniqueConstraint(fields=["entity", "entity_id"], name="demo_object_once")]

    def __str__(self) -> str:
        return f"{self.entity}:{self.entity_id}"
