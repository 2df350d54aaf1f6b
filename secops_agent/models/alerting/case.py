"""Cases: several alerts that people handle as one incident, and what is to be done about it."""

from django.db import models
from django.db.models import Q

from secops_agent.models.choices import Severity, Verdict
from secops_agent.models.people.staff import Staff


class CaseStatus(models.TextChoices):
    """From the first look to the end."""

    NEW = "new", "新建"
    WORKING = "working", "处理中"
    CONTAINED = "contained", "已控制"
    CLOSED = "closed", "已关闭"


class Case(models.Model):
    """One incident (OCSF: incident finding); "E12" is the one with the key 12. Its alerts name it (`Alert.case`).

    ``severity`` "": as grave as its gravest alert. ``closed_count``: how many alerts it had when it was closed.
    ``merged_into``: this case was merged, ``moved`` says with what: {"alerts": [ids], "tasks": [ids]}.
    """

    title = models.CharField("标题", max_length=200)
    severity = models.CharField("级别", max_length=10, choices=Severity.choices, blank=True, default="")
    status = models.CharField("状态", max_length=12, choices=CaseStatus.choices, default=CaseStatus.NEW)
    verdict = models.CharField("结论", max_length=16, choices=Verdict.choices, blank=True, default="")
    owner = models.ForeignKey(
        Staff,
        verbose_name="负责人",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="cases",
        db_index=False,
    )
    summary = models.TextField("小结", blank=True, default="")
    created_at = models.DateTimeField("新建时间")
    made_by = models.CharField("新建人", max_length=200, blank=True, default="")
    closed_at = models.DateTimeField("关闭时间", null=True, blank=True)
    closed_count = models.PositiveIntegerField("关闭时的告警数", default=0, editable=False)
    merged_into = models.ForeignKey(
        "self", verbose_name="并入", null=True, blank=True, on_delete=models.SET_NULL, related_name="merged"
    )
    moved = models.JSONField(default=dict, blank=True, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "事件"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["status", "-id"], name="case_status"),
            models.Index(fields=["owner", "-id"], condition=Q(owner__isnull=False), name="case_owner"),
        ]

    def __str__(self) -> str:
        return f"E{self.pk} {self.title}"


class CaseTask(models.Model):
    """Something that is to be done for a case; ``done_at`` tells that it was."""

    case = models.ForeignKey(Case, verbose_name="事件", on_delete=models.CASCADE, related_name="tasks")
    text = models.CharField("任务", max_length=500)
    assignee = models.ForeignKey(
        Staff, verbose_name="执行人", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    due_at = models.DateTimeField("期限", null=True, blank=True)
    created_at = models.DateTimeField("添加时间")
    made_by = models.CharField("添加人", max_length=200, blank=True, default="")
    done_at = models.DateTimeField("完成时间", null=True, blank=True)
    done_by = models.CharField("完成人", max_length=200, blank=True, default="")

    class Meta:
        verbose_name = verbose_name_plural = "事件任务"
        ordering = ["id"]

    def __str__(self) -> str:
        return self.text
