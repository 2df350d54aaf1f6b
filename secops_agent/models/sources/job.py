"""Imports that run in the background."""

from typing import ClassVar

from django.db import models
from django.db.models import Q, Value

from bifang.channels.models import ClaimableRow


class JobState(models.TextChoices):
    """From waiting to its end."""

    QUEUED = "queued", "排队中"
    RUNNING = "running", "进行中"
    DONE = "done", "已完成"
    FAILED = "failed", "失败"


class JobPhase(models.TextChoices):
    """What a running import is doing."""

    READING = "reading", "读取文件"
    WRITING = "writing", "写入"
    MATCHING = "matching", "比对漏洞"


class ImportJob(ClaimableRow):
    """One file to import. ``file`` is its name in the staging directory, "" once it is gone. ``inbox_id``: the chat
    message in whose conversation the result is to be ``told``.

    ``sources``: for which its sender could speak when it was sent, see `services.intake.speaking`.
    """

    free: ClassVar[str] = JobState.QUEUED
    taken: ClassVar[str] = JobState.RUNNING

    format = models.CharField("格式", max_length=40)
    name = models.CharField("文件名", max_length=200, blank=True, default="")
    file = models.CharField(max_length=80, blank=True, default="", editable=False)
    size = models.PositiveBigIntegerField("大小（字节）", default=0)
    digest = models.CharField("SHA-256", max_length=64)
    options = models.JSONField("选项", default=dict, blank=True)
    actor_kind = models.CharField(max_length=8)
    actor_ident = models.CharField(max_length=100, blank=True, default="")
    actor_name = models.CharField("提交者", max_length=200)
    actor_via = models.CharField("途径", max_length=60, blank=True, default="")
    sources = models.JSONField(
        default=list, db_default=Value([], models.JSONField()), blank=True, editable=False
    )
    state = models.CharField("状态", max_length=8, choices=JobState.choices, default=JobState.QUEUED)
    phase = models.CharField("阶段", max_length=8, choices=JobPhase.choices, blank=True, default="")
    done = models.PositiveBigIntegerField("已处理", default=0)
    total = models.PositiveBigIntegerField("总数", default=0)
    attempts = models.PositiveSmallIntegerField("执行次数", default=0)
    inbox_id = models.BigIntegerField("来自消息", null=True, blank=True, editable=False)
    told = models.BooleanField("已告知结果", default=False, editable=False)
    outcome = models.JSONField("结果", default=dict, blank=True)
    error = models.TextField("错误", blank=True, default="")
    created_at = models.DateTimeField("提交时间")
    started_at = models.DateTimeField("开始时间", null=True, blank=True)
    finished_at = models.DateTimeField("结束时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "导入任务"
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["state", "id"], condition=Q(state__in=["queued", "running"]), name="import_job_open"
            ),
            models.Index(fields=["actor_kind", "actor_ident", "-id"], name="import_job_actor"),
            models.Index(fields=["created_at"], name="import_job_created"),
            models.Index(
                fields=["id"], condition=Q(inbox_id__isnull=False, told=False), name="import_job_untold"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.format} {self.name}".strip()
