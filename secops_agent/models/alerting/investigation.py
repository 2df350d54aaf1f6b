"""What was found out about alerts by themselves or when somebody asked, what people say of it, and how often it was right."""

from typing import ClassVar

from django.db import models

from bifang.channels.models import ClaimableRow
from secops_agent.models.alerting.alert import Alert
from secops_agent.models.choices import ActorKind, Verdict


class InvestigationState(models.TextChoices):
    """Where an investigation stands."""

    WAITING = "waiting", "等待"
    CLAIMED = "claimed", "进行中"
    DONE = "done", "完成"
    FAILED = "failed", "失败"


class Investigation(ClaimableRow):
    """One alert looked into. ``trigger``: when it arrived, which stays as it was then, or when somebody asked.

    ``facts``: by the name of its check what each found, as `services.investigations.dossiers` reads it. ``verdict`` is
    what is suggested, "" where the evidence does not suffice.
    """

    free: ClassVar[str] = InvestigationState.WAITING

    ARRIVAL, ASKED = "arrival", "asked"
    NOTHING_FOUND = "证据不足，没有查到别的线索"  # a conclusion

    alert = models.ForeignKey(
        Alert, verbose_name="告警", on_delete=models.CASCADE, related_name="investigations"
    )
    trigger = models.CharField("起因", max_length=8, choices=[(ARRIVAL, "自动"), (ASKED, "有人要求")])
    group_key = models.CharField(max_length=32)
    state = models.CharField(
        "状态", max_length=8, choices=InvestigationState.choices, default=InvestigationState.WAITING
    )
    facts = models.JSONField("事实", default=dict)
    verdict = models.CharField("建议结论", max_length=16, choices=Verdict.choices, blank=True, default="")
    confidence = models.CharField(
        "把握", max_length=6, choices=[("high", "高"), ("medium", "中")], blank=True, default=""
    )
    conclusion = models.CharField("一句话", max_length=300, blank=True, default="")
    requested_at = models.DateTimeField("开始")
    finished_at = models.DateTimeField("完成时间", null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    last_error = models.CharField("最近错误", max_length=300, blank=True, default="")

    class Meta:
        verbose_name = verbose_name_plural = "告警调查"
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["alert", "trigger"], name="investigation_once")]
        indexes = [
            models.Index(fields=["state", "id"], name="investigation_state"),
            models.Index(fields=["requested_at"], name="investigation_requested"),
            models.Index(fields=["group_key", "-requested_at"], name="investigation_group"),
        ]

    def __str__(self) -> str:
        return f"A{self.alert_id}"


class SecondLook(ClaimableRow):
    """What the company's own tools and a model add to an investigation, later; whatever becomes of it, that stands.

    ``answers``: what tools of MCP servers said; ``words``: what the model wrote, each sentence with what it cites, as
    `services.investigations.looks` reads both. ``verdict``: what the model leans to; nothing that counts anywhere.
    ``line``: for messages. ``note``: why no model has read it, "" if one has.
    """

    free: ClassVar[str] = InvestigationState.WAITING

    investigation = models.OneToOneField(Investigation, on_delete=models.CASCADE, related_name="second_look")
    state = models.CharField(
        "状态", max_length=8, choices=InvestigationState.choices, default=InvestigationState.WAITING
    )
    answers = models.JSONField("外部工具", default=list)
    words = models.JSONField("模型的意见", default=list)
    verdict = models.CharField("模型倾向", max_length=16, choices=Verdict.choices, blank=True, default="")
    confidence = models.CharField(
        "把握", max_length=6, choices=[("high", "高"), ("medium", "中")], blank=True, default=""
    )
    dropped = models.PositiveSmallIntegerField("删去的句子", default=0)
    line = models.CharField("一句话", max_length=300, blank=True, default="")
    model = models.CharField("模型", max_length=100, blank=True, default="")
    note = models.CharField("没有经过模型的原因", max_length=300, blank=True, default="")
    requested_at = models.DateTimeField("开始")
    finished_at = models.DateTimeField("完成时间", null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "调查的补充"
        indexes = [
            models.Index(fields=["state", "id"], name="second_look_state"),
            models.Index(fields=["requested_at"], name="second_look_requested"),
        ]

    def __str__(self) -> str:
        return str(self.investigation)


class InvestigationOpinion(models.Model):
    """What one person says of an investigation; the last word counts."""

    investigation = models.ForeignKey(
        Investigation, on_delete=models.CASCADE, related_name="opinions", db_index=False
    )
    actor_kind = models.CharField(max_length=8, choices=ActorKind.choices)
    actor_id = models.CharField(max_length=100)
    actor_name = models.CharField("谁", max_length=200)
    useful = models.BooleanField("有用")
    reason = models.CharField("原因", max_length=500, blank=True, default="")
    at = models.DateTimeField("时间")

    class Meta:
        verbose_name = verbose_name_plural = "对调查的评价"
        constraints = [
            models.UniqueConstraint(
                fields=["investigation", "actor_kind", "actor_id"], name="investigation_opinion_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.actor_name} {'👍' if self.useful else '👎'}"


class InvestigationReplay(models.Model):
    """How the suggestions compare with what people decided: ``figures`` as `services.investigations.replays` has them."""

    since = models.DateTimeField("从")
    until = models.DateTimeField("到")
    figures = models.JSONField("数字")
    made_at = models.DateTimeField("生成时间", auto_now_add=True)

    class Meta:
        verbose_name = verbose_name_plural = "调查对照"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.since:%Y-%m-%d}—{self.until:%Y-%m-%d}"
