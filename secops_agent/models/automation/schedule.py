"""What is done at set times, what each run came to, and the feeds from outside."""

from typing import ClassVar, Final

from django.db import models
from django.db.models import Q

from bifang.channels.models import ClaimableRow
from bifang.core.models import SystemConfig
from secops_agent.models.alerting.notification import TargetKind
from secops_agent.models.people.on_call import OnCallSchedule
from secops_agent.models.people.staff import Staff

REMINDER: Final = "reminder"  # the task that only says what its owner wrote


class ScheduledTask(models.Model):
    """A task of `services.schedules.tasks`, when it is done (a cron expression), and where its result goes.

    It reads with the rights of its ``owner``; without one, as a viewer. ``kind`` "" keeps the result in the history. ``once``: it is over
    after one run.
    """

    name = models.CharField("名称", max_length=100, unique=True)
    task = models.CharField("任务", max_length=20)
    arguments = models.JSONField("参数", default=dict, blank=True)
    cron = models.CharField("时间", max_length=100)
    once = models.BooleanField("只执行一次", default=False, db_default=False)
    enabled = models.BooleanField("启用", default=True)
    owner = models.ForeignKey(
        Staff, verbose_name="设置人", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    kind = models.CharField("发到", max_length=8, choices=TargetKind.choices, blank=True, default="")
    config = models.ForeignKey(
        SystemConfig,
        verbose_name="聊天配置",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    conversation_id = models.CharField("群", max_length=200, blank=True, default="")
    staff = models.ForeignKey(
        Staff, verbose_name="人员", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    rota = models.ForeignKey(
        OnCallSchedule,
        verbose_name="值班表",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    attachment = models.CharField("附件", max_length=10, blank=True, default="")
    next_at = models.DateTimeField("下次执行", null=True, blank=True)
    last_at = models.DateTimeField("上次执行", null=True, blank=True)
    last_error = models.TextField("最近错误", blank=True, default="")
    last_error_at = models.DateTimeField("最近错误时间", null=True, blank=True)
    made_by = models.CharField("创建人", max_length=200, blank=True, default="")
    created_at = models.DateTimeField("创建时间", auto_now_add=True)
    updated_at = models.DateTimeField("修改时间", auto_now=True)

    class Meta:
        verbose_name = verbose_name_plural = "定时任务"
        ordering = ["id"]
        indexes = [models.Index(fields=["next_at"], name="scheduled_task_next", condition=Q(enabled=True))]

    def __str__(self) -> str:
        return self.name


class RunState(models.TextChoices):
    """From waiting to its end; what is held is sent as soon as it can be."""

    QUEUED = "queued", "排队中"
    RUNNING = "running", "执行中"
    HELD = "held", "待发送"
    DONE = "done", "已完成"
    FAILED = "failed", "失败"


class TaskRun(ClaimableRow):
    """One run of a task; (task, due_at) is its identity. ``text`` is what was sent, ``note`` what it came to."""

    free: ClassVar[str] = RunState.QUEUED
    taken: ClassVar[str] = RunState.RUNNING

    task = models.ForeignKey(ScheduledTask, on_delete=models.CASCADE, related_name="runs", db_index=False)
    due_at = models.DateTimeField("应执行时间")
    state = models.CharField("状态", max_length=8, choices=RunState.choices, default=RunState.QUEUED)
    not_before = models.DateTimeField("最早执行", null=True, blank=True)
    attempts = models.PositiveSmallIntegerField("执行次数", default=0)
    started_at = models.DateTimeField("开始时间", null=True, blank=True)
    finished_at = models.DateTimeField("结束时间", null=True, blank=True)
    text = models.TextField("发送的内容", blank=True, default="")
    note = models.CharField("结果", max_length=300, blank=True, default="")
    file_name = models.CharField("附件", max_length=200, blank=True, default="")
    file = models.BinaryField(null=True)  # erased when it has been handed to the outbox
    error = models.TextField("错误", blank=True, default="")

    class Meta:
        verbose_name = verbose_name_plural = "定时任务执行记录"
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["task", "due_at"], name="task_run_once")]
        indexes = [
            models.Index(
                fields=["state", "id"],
                condition=Q(state__in=["queued", "running", "held"]),
                name="task_run_open",
            ),
            models.Index(fields=["due_at"], name="task_run_due"),
        ]

    def __str__(self) -> str:
        return f"{self.task_id} {self.due_at:%Y-%m-%d %H:%M}"


class Feed(models.Model):
    """A source of intelligence that is fetched: what its last good copy was. ``digest`` is its SHA-256.

    ``scope``: for which packages it was read, as a digest.
    """

    name = models.CharField("名称", max_length=60, unique=True)
    address = models.CharField("地址", max_length=300)
    etag = models.CharField("ETag", max_length=300, blank=True, default="")
    modified = models.CharField("Last-Modified", max_length=100, blank=True, default="")
    digest = models.CharField("SHA-256", max_length=64, blank=True, default="")
    scope = models.CharField(max_length=64, blank=True, default="", editable=False)
    size = models.PositiveBigIntegerField("大小（字节）", default=0)
    entries = models.PositiveBigIntegerField("条目", default=0)
    checked_at = models.DateTimeField("确认最新", null=True, blank=True)
    changed_at = models.DateTimeField("内容更新", null=True, blank=True)
    last_error = models.TextField("最近错误", blank=True, default="")
    last_error_at = models.DateTimeField("最近错误时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "漏洞情报"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
