"""What someone wants done and a person has yet to decide."""

from datetime import datetime

from django.db import models
from django.db.models import Q

from bifang.core.database.db import database_clock
from bifang.core.models import SystemConfig
from secops_agent.models.people.staff import Staff


class Risk(models.TextChoices):
    """Who decides: the asker alone, or somebody else."""

    WRITE = "write", "需本人确认"
    DANGEROUS = "dangerous", "需他人审批"


class ProposalState(models.TextChoices):
    """From proposed to exactly one of the others, once."""

    PROPOSED = "proposed", "待决定"
    CONFIRMED = "confirmed", "已确认"
    APPROVED = "approved", "已批准"
    REJECTED = "rejected", "已拒绝"
    CANCELLED = "cancelled", "已撤回"
    EXPIRED = "expired", "已过期"


class Proposal(models.Model):
    """One call of a write or dangerous tool, waiting for a person. Written only by `services.approvals`.

    ``conversation_id`` is "" for what a program proposed for someone: that happened in no conversation.
    ``corp_id`` is the corporation that it concerns: nobody of another one decides it.
    ``digest`` seals asker, corporation, place, tool and arguments. ``decided_through`` names the message or click that decided,
    so that the same one, delivered again, gets the same answer. ``result`` is what the decision brought. ``reminded_at``: when the
    approvers were asked again.
    """

    code = models.CharField("代码", max_length=12, unique=True)
    config = models.ForeignKey(SystemConfig, verbose_name="配置", on_delete=models.PROTECT, related_name="+")
    conversation_id = models.CharField("会话", max_length=200)
    is_group = models.BooleanField("群聊", default=False)
    inbox_id = models.BigIntegerField("来自消息", null=True, blank=True)
    target = models.JSONField("回复地址", default=dict)
    tool = models.CharField("工具", max_length=60)
    title = models.CharField("操作", max_length=100)
    risk = models.CharField("风险", max_length=10, choices=Risk.choices)
    arguments = models.JSONField("参数", default=dict)
    summary = models.TextField("说明")
    digest = models.CharField("摘要", max_length=64)
    asked_by = models.ForeignKey(
        Staff, verbose_name="提出人", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    corp_id = models.CharField("企业 ID", max_length=100, blank=True, default="")
    asker_id = models.CharField("提出人 ID", max_length=100)
    asker_name = models.CharField("提出人", max_length=100)
    state = models.CharField(
        "状态", max_length=10, choices=ProposalState.choices, default=ProposalState.PROPOSED
    )
    created_at = models.DateTimeField("提出时间")
    expires_at = models.DateTimeField("过期时间")
    reminded_at = models.DateTimeField("催办时间", null=True, blank=True)
    decided_at = models.DateTimeField("决定时间", null=True, blank=True)
    decider_id = models.CharField("决定人 ID", max_length=220, blank=True, default="")
    decider_name = models.CharField("决定人", max_length=100, blank=True, default="")
    decided_through = models.CharField(max_length=260, blank=True, default="")
    reason = models.CharField("理由", max_length=500, blank=True, default="")
    result = models.TextField("结果", blank=True, default="")

    class Meta:
        verbose_name = verbose_name_plural = "审批"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["expires_at"], name="proposal_open", condition=Q(state="proposed")),
            models.Index(fields=["asker_id", "-id"], name="proposal_asker"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.title}"

    @property
    def remind_at(self) -> datetime:
        """A third of the time in which it can be decided."""
        return self.created_at + (self.expires_at - self.created_at) / 3


def undecided() -> Q:
    """The proposals that still wait for a decision."""
    return Q(state=ProposalState.PROPOSED, expires_at__gt=database_clock())
