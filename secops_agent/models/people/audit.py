"""The audit trail: rows are only ever added; one sealer chains them into daily segments."""

from django.db import models
from django.db.models import Q

from bifang.core.secrets.sealed import SealedField
from secops_agent.models.choices import ActorKind


class AuditKind(models.TextChoices):
    """What happened."""

    MESSAGE = "message", "消息"
    DECISION = "decision", "判定"
    TOOL = "tool", "工具调用"
    PROPOSAL = "proposal", "提议"
    APPROVAL = "approval", "审批"
    ACTION = "action", "动作"
    REPLY = "reply", "回复"
    CHANGE = "change", "变更"


class AuditSegment(models.Model):
    """The records sealed on one day. ``digest`` is the chain's value after the last of them.

    ``seal`` is the row itself, encrypted: who can only write to the database cannot make a chain of their own.
    A dropped segment keeps this row, so that the chain goes on; ``drop_seal`` says that retention dropped it.
    """

    number = models.PositiveIntegerField("序号", unique=True)
    day = models.DateField("日期")
    previous = models.CharField("上一段摘要", max_length=64)
    digest = models.CharField("摘要", max_length=64)
    seal = SealedField(null=True, blank=True, bound_to=("number",))
    count = models.PositiveIntegerField("条数", default=0)
    first_id = models.BigIntegerField("首条编号", null=True)
    last_id = models.BigIntegerField("末条编号", null=True)
    opened_at = models.DateTimeField("开始时间")
    sealed_at = models.DateTimeField("最近封存")
    closed = models.BooleanField("已封存", default=False)
    dropped_at = models.DateTimeField("清除时间", null=True, blank=True)
    drop_seal = SealedField(null=True, blank=True, bound_to=("number",))

    class Meta:
        verbose_name = verbose_name_plural = "审计封存段"
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d} #{self.number}"


class AuditRecord(models.Model):
    """One thing that happened. Appended in the transaction of the thing itself.

    ``segment`` and ``position`` are filled in once, by the sealer. ``subject`` is what it is about ("alert:12",
    a code), ``text`` what people may read of it (private: it takes a permission to see), ``detail`` the facts.
    """

    at = models.DateTimeField("时间")
    kind = models.CharField("种类", max_length=10, choices=AuditKind.choices)
    what = models.CharField("事项", max_length=60)
    actor_kind = models.CharField("操作者类型", max_length=8, choices=ActorKind.choices)
    actor_id = models.CharField("操作者编号", max_length=220, blank=True, default="")
    actor_name = models.CharField("操作者", max_length=200, blank=True, default="")
    via = models.CharField("途径", max_length=60, blank=True, default="")
    config_id = models.BigIntegerField("配置", null=True)
    conversation_id = models.CharField("会话", max_length=200, blank=True, default="")
    inbox_id = models.BigIntegerField("消息编号", null=True)
    subject = models.CharField("对象", max_length=120, blank=True, default="")
    text = models.TextField("内容", blank=True, default="")
    detail = models.JSONField("数据", default=dict)
    segment = models.ForeignKey(
        AuditSegment,
        verbose_name="封存段",
        null=True,
        on_delete=models.PROTECT,
        related_name="records",
        db_index=False,  # audit_position_once begins with it
    )
    position = models.PositiveIntegerField("段内序号", null=True)

    class Meta:
        verbose_name = verbose_name_plural = "审计记录"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["segment", "position"], name="audit_position_once"),
        ]
        indexes = [
            models.Index(fields=["id"], name="audit_unsealed", condition=Q(segment=None)),
            models.Index(fields=["inbox_id", "id"], name="audit_inbox"),
            models.Index(fields=["at"], name="audit_at"),
            models.Index(fields=["subject", "id"], name="audit_subject", condition=~Q(subject="")),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.what}"
