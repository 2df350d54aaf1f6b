"""Approved actions on the outside, each carried out at most once."""

from django.db import models
from django.db.models import Q

from bifang.channels.models import ClaimableRow
from bifang.core.models import SystemConfig
from bifang.core.secrets.sealed import SealedField
from secops_agent.models.automation.proposal import Proposal


class ActionState(models.TextChoices):
    """``calling`` without a result in time becomes ``unknown``, and stays so until a person has looked."""

    PENDING = "pending", "等待执行"
    CLAIMED = "claimed", "准备执行"
    CALLING = "calling", "执行中"
    DONE = "done", "已执行"
    DRY = "dry", "演练（未做改动）"
    FAILED = "failed", "未执行"
    UNKNOWN = "unknown", "结果未知"


NOTHING_DONE = (ActionState.FAILED, ActionState.DRY)
ACTION_OPEN = (ActionState.PENDING, ActionState.CLAIMED, ActionState.CALLING)


class Action(ClaimableRow):
    """One action, claimed by a runner.

    ``key`` goes to the connector as the idempotency key. ``undo_of``: this action takes another one back. ``batch``: the
    proposal that ordered it together with others; without it and ``proposal`` it ends what its time is over of.
    """

    proposal = models.OneToOneField(
        Proposal, verbose_name="审批", null=True, blank=True, on_delete=models.PROTECT, related_name="action"
    )
    batch = models.ForeignKey(
        Proposal,
        verbose_name="批量审批",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        db_index=False,
        related_name="ordered",
    )
    undo_of = models.OneToOneField(
        "self", verbose_name="撤销", null=True, blank=True, on_delete=models.PROTECT, related_name="undone_by"
    )
    config = models.ForeignKey(SystemConfig, verbose_name="配置", on_delete=models.PROTECT, related_name="+")
    key = models.CharField("幂等键", max_length=40, unique=True)
    tool = models.CharField("工具", max_length=60)
    title = models.CharField("操作", max_length=100)
    arguments = models.JSONField("参数", default=dict)
    summary = models.TextField("说明")
    asker = models.CharField("提出人", max_length=100)
    approver = models.CharField("批准人", max_length=100)
    connector = models.CharField("连接器", max_length=100, blank=True, default="")
    connector_config = models.ForeignKey(
        SystemConfig,
        verbose_name="连接器配置",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    state = models.CharField("状态", max_length=8, choices=ActionState.choices, default=ActionState.PENDING)
    created_at = models.DateTimeField("批准时间")
    started_at = models.DateTimeField("开始时间", null=True, blank=True)
    finished_at = models.DateTimeField("结束时间", null=True, blank=True)
    result = models.TextField("结果", blank=True, default="")
    response = models.JSONField("对方应答", default=dict, blank=True)
    undo_url = SealedField("撤销地址", null=True, blank=True, bound_to=("key",))
    settled_by = models.CharField("核实人", max_length=100, blank=True, default="")

    class Meta:
        verbose_name = verbose_name_plural = "处置动作"
        ordering = ["-id"]
        permissions = [("settle_action", "可以核实未知的结果")]
        indexes = [
            models.Index(
                fields=["state", "id"],
                name="action_open",
                condition=Q(state__in=["pending", "claimed", "calling"]),
            ),
            models.Index(fields=["created_at"], name="action_created"),
            models.Index(fields=["batch"], name="action_batch", condition=Q(batch__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.title}".strip()

    @property
    def code(self) -> str:
        """The one by which people name it: that of the proposal that it goes back to; "" for none."""
        first = self.ordered_by
        return first.code if first else ""

    @property
    def ordered_by(self) -> Proposal | None:
        """The proposal that it goes back to: its own, that of its batch, or that of what it takes back."""
        first = self.proposal or self.batch
        return first or (self.undo_of.ordered_by if self.undo_of else None)
