"""Reporting duty: who must report what to whom within which time, how a case was graded, and what was reported."""

from collections.abc import Iterable
from datetime import datetime

from django.db import models
from django.db.models import Q

from secops_agent.models.alerting.case import Case


class ReportingDuty(models.Model):
    """A kind of operator with its time limits, as an administrator keeps it; the official text decides."""

    name = models.CharField("适用于", max_length=100, unique=True)
    body = models.CharField("向谁报告", max_length=200)
    minutes = models.PositiveIntegerField("首次报告时限（分钟）")
    closing_days = models.PositiveSmallIntegerField("总结报告时限（天）", default=30)
    article = models.CharField("依据", max_length=200, help_text="文件和条款，以官方文本为准。")
    enabled = models.BooleanField("启用", default=True)

    class Meta:
        verbose_name = verbose_name_plural = "报告时限"
        ordering = ["minutes", "name"]

    def __str__(self) -> str:
        return self.name


class GradingQuestion(models.Model):
    """A question that grades a case by code: an answer of at least a threshold makes it that grave. ``unit`` "": yes or no (1, 0)."""

    text = models.CharField("问题", max_length=300, unique=True)
    unit = models.CharField("单位", max_length=20, blank=True, default="", help_text="留空表示是或否。")
    moderate = models.PositiveBigIntegerField("达到多少为较大", null=True, blank=True)
    major = models.PositiveBigIntegerField("达到多少为重大", null=True, blank=True)
    severe = models.PositiveBigIntegerField("达到多少为特别重大", null=True, blank=True)
    article = models.CharField("依据", max_length=200, help_text="文件和条款，以官方文本为准。")
    enabled = models.BooleanField("启用", default=True)

    class Meta:
        verbose_name = verbose_name_plural = "分级问题"
        ordering = ["id"]

    def __str__(self) -> str:
        return self.text

    @property
    def thresholds(self) -> str:
        """较大 ≥ 1,000,000 人，重大 ≥ …; 回答「是」为较大."""
        steps = (("较大", self.moderate), ("重大", self.major), ("特别重大", self.severe))
        told = [(word, least) for word, least in steps if least is not None]
        return "，".join(
            f"{word} ≥ {least:,} {self.unit}" if self.unit else f"「是」为{word}" for word, least in told
        )


class IncidentLevel(models.TextChoices):
    """How grave an incident is; below 较大 nothing must be reported."""

    GENERAL = "general", "一般"
    MODERATE = "moderate", "较大"
    MAJOR = "major", "重大"
    SEVERE = "severe", "特别重大"


class CaseReporting(models.Model):
    """The clock of one case. ``answers``: id of a question → number, or null for unknown. ``due_at`` None: nothing must be reported.

    ``handled_at``: the end of handling, from which the closing report is counted.
    """

    case = models.OneToOneField(Case, verbose_name="事件", on_delete=models.CASCADE, related_name="reporting")
    duty = models.ForeignKey(
        ReportingDuty, verbose_name="报告时限", on_delete=models.PROTECT, related_name="+"
    )
    found_at = models.DateTimeField("发现时间")
    answers = models.JSONField("分级回答", default=dict)
    level = models.CharField("分级", max_length=10, choices=IncidentLevel.choices)
    graded_by = models.CharField("分级人", max_length=200)
    graded_at = models.DateTimeField("分级时间")
    due_at = models.DateTimeField("首次报告期限", null=True, blank=True)
    handled_at = models.DateTimeField("处置结束时间", null=True, blank=True)
    closing_due_at = models.DateTimeField("总结报告期限", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "报告时钟"

    def __str__(self) -> str:
        return f"E{self.case_id}"

    def waiting(self, reported: Iterable[str]) -> tuple[str, datetime | None]:
        """The next report that is due, and until when; ``reported``: the stages that are over."""
        over = set(reported)
        limits = ((ReportStage.FIRST, self.due_at), (ReportStage.CLOSING, self.closing_due_at))
        return next(((stage, due) for stage, due in limits if due and stage not in over), ("", None))


class ReportStage(models.TextChoices):
    """Which report."""

    FIRST = "first", "首次报告"
    SUPPLEMENT = "supplement", "补充报告"
    CLOSING = "closing", "总结报告"


class ReportingReminder(models.Model):
    """A message that is due; ``told_at`` is set in the transaction that writes it. ``mark``: half, last, late."""

    reporting = models.ForeignKey(CaseReporting, on_delete=models.CASCADE, related_name="reminders")
    stage = models.CharField(max_length=10, choices=ReportStage.choices)
    mark = models.CharField(max_length=5)
    due_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True, blank=True)
    told_to = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        verbose_name = verbose_name_plural = "报告提醒"
        indexes = [models.Index(fields=["due_at"], name="reporting_due", condition=Q(told_at__isnull=True))]

    def __str__(self) -> str:
        return f"{self.reporting} {self.stage} {self.mark}"


class ReportingEntry(models.Model):
    """Who reported what to whom and when, as a person entered it. Appended only."""

    reporting = models.ForeignKey(CaseReporting, on_delete=models.CASCADE, related_name="entries")
    stage = models.CharField("种类", max_length=10, choices=ReportStage.choices)
    body = models.CharField("报给谁", max_length=200)
    text = models.TextField("内容")
    reference = models.CharField("回执或方式", max_length=200, blank=True, default="")
    reported_by = models.CharField("报告人", max_length=200)
    at = models.DateTimeField("报告时间")
    made_by = models.CharField("登记人", max_length=200)
    made_at = models.DateTimeField("登记时间")

    class Meta:
        verbose_name = verbose_name_plural = "报告记录"
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.reporting} {self.stage}"
