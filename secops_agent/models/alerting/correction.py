"""What people found useless in an answer, until somebody has made something of it."""

from django.db import models

from secops_agent.models.alerting.alert import Alert
from secops_agent.models.automation.runbook import Runbook


class CorrectionState(models.TextChoices):
    """What became of it."""

    OPEN = "open", "待处理"
    DONE = "done", "已采纳"
    DISMISSED = "dismissed", "不采纳"


class Correction(models.Model):
    """One answer, what was asked, and why it was no use. ``tool``, ``arguments``, ``facts``: what would have been right.

    ``message_id`` is the answer in the conversation's memory, or ``alert`` whose investigation it is about: who says it
    again has only changed the reason.
    """

    NO_TOOL = "none"

    at = models.DateTimeField("时间")
    message_id = models.BigIntegerField(null=True, editable=False)
    alert = models.ForeignKey(
        Alert, verbose_name="调查的告警", null=True, blank=True, on_delete=models.SET_NULL, related_name="+",
        editable=False,
    )  # fmt: skip
    author = models.CharField(max_length=220, editable=False)
    name = models.CharField("谁", max_length=200)
    is_group = models.BooleanField("群聊")
    question = models.TextField("问题")
    answer = models.TextField("回答")
    reason = models.CharField("原因", max_length=500)
    state = models.CharField(
        "状态", max_length=10, choices=CorrectionState.choices, default=CorrectionState.OPEN
    )
    tool = models.CharField("应该查", max_length=100, blank=True, default="")
    arguments = models.JSONField("参数", default=dict, blank=True)
    facts = models.JSONField("回答里应有", default=list, blank=True)
    runbook = models.ForeignKey(
        Runbook, verbose_name="手册", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        verbose_name = verbose_name_plural = "改进建议"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["message_id", "author"], name="correction_once"),
            models.UniqueConstraint(fields=["alert", "author"], name="correction_investigation_once"),
        ]
        indexes = [models.Index(fields=["at"], name="correction_at")]

    def __str__(self) -> str:
        return f"{self.pk}"
