"""How one person wants to be told."""

from django.core.validators import MaxValueValidator
from django.db import models

from secops_agent.models.people.staff import Staff


class Reached(models.TextChoices):
    """Where a person wants to read of alerts."""

    PRIVATE = "private", "单聊"
    GROUP = "group", "群里已发的不再单聊"


class LoudestCall(models.TextChoices):
    """How loud an escalation may call a person; the words are the endings of `CallMeans`."""

    NONE = "none", "不要叫，只发消息"
    APP = "app", "应用内"
    SMS = "sms", "短信"
    CALL = "call", "电话"


class NotificationPreference(models.Model):
    """What one person wants; without a row, the defaults. Quiet hours (Asia/Shanghai) never hold 严重 or an escalation.

    ``reminded``: how often they were reminded on ``reminded_on``, the last time at ``reminded_at``.
    """

    staff = models.OneToOneField(
        Staff, verbose_name="人员", on_delete=models.CASCADE, related_name="preference"
    )
    usual = models.CharField("一般告警", max_length=8, choices=Reached.choices, default=Reached.PRIVATE)
    urgent = models.CharField("严重告警", max_length=8, choices=Reached.choices, default=Reached.PRIVATE)
    quiet_from = models.TimeField("免打扰从", null=True, blank=True)
    quiet_until = models.TimeField("免打扰到", null=True, blank=True)
    calls = models.CharField(
        "升级时最多", max_length=4, choices=LoudestCall.choices, default=LoudestCall.CALL, db_default="call"
    )
    reminders = models.PositiveSmallIntegerField(
        "每天最多提醒", default=3, validators=[MaxValueValidator(10)]
    )
    reminded_on = models.DateField(null=True, blank=True, editable=False)
    reminded = models.PositiveSmallIntegerField(default=0, editable=False)
    reminded_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "通知偏好"
        ordering = ["staff"]

    def __str__(self) -> str:
        return str(self.staff)
