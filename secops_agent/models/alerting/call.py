"""Calls that wake people: DING and 加急, in the application, by text message, by telephone."""

from django.db import models

from bifang.core.models import SystemConfig
from secops_agent.models.alerting.notification import AlertMessage, CallMeans
from secops_agent.models.people.staff import Staff


class CallState(models.TextChoices):
    """Where a call stands. It is `CALLING`, stored, before anything is asked of the platform."""

    WAITING = "waiting", "马上叫"
    CALLING = "calling", "正在叫"
    MADE = "made", "已发出"
    REFUSED = "refused", "没有叫成"
    UNKNOWN = "unknown", "结果未知，没有再叫"
    STOPPED = "stopped", "已有人处理，没有叫"
    JOINED = "joined", "刚叫过，没有再叫"


CALLED_LATER = "已停下：恢复时再叫"  # the reason of a call that waits for the switches
CALL_OPEN = (CallState.WAITING, CallState.CALLING)
CALL_COUNTED = (CallState.CALLING, CallState.MADE, CallState.UNKNOWN)  # what may have cost something


class WakeCall(models.Model):
    """One call to one person. Without a ``message`` it is a trial.

    ``account``: who they are on the platform. ``key``: of the outbox's row that says the same in words, which 加急 needs.
    ``receipt``: the platform's id of it, by which a DING is recalled.
    """

    config = models.ForeignKey(
        SystemConfig, verbose_name="聊天配置", on_delete=models.PROTECT, related_name="+"
    )
    staff = models.ForeignKey(Staff, verbose_name="人员", on_delete=models.CASCADE, related_name="wake_calls")
    account = models.CharField(max_length=100)
    means = models.CharField("方式", max_length=12, choices=CallMeans.choices)
    message = models.ForeignKey(
        AlertMessage,
        verbose_name="告警消息",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="calls",
    )
    key = models.CharField(max_length=110, blank=True, default="")
    text = models.CharField("说什么", max_length=500)
    state = models.CharField("状态", max_length=8, choices=CallState.choices, default=CallState.WAITING)
    reason = models.CharField("原因", max_length=300, blank=True, default="")
    created_at = models.DateTimeField("提出")
    due_at = models.DateTimeField("最早时间")
    called_at = models.DateTimeField("呼叫时间", null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    receipt = models.CharField(max_length=200, blank=True, default="")
    recalled_at = models.DateTimeField("撤回", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "呼叫"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["due_at"], name="wake_call_open", condition=models.Q(state__in=CALL_OPEN)),
            models.Index(fields=["config", "means", "called_at"], name="wake_call_ledger"),
        ]

    def __str__(self) -> str:
        return f"{self.get_means_display()} → {self.staff}"

    @property
    def standing(self) -> str:
        """Its state in words; what waits for the switches says so."""
        held = self.state == CallState.WAITING and self.reason
        return self.reason if held else CallState(self.state).label
