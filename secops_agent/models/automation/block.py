"""Blocks: the ledger of what was blocked or isolated through us, a row for each order, and what devices say of it."""

from django.db import models
from django.db.models import Q

from bifang.core.models import SystemConfig
from secops_agent.models.alerting.alert import Alert
from secops_agent.models.alerting.case import Case
from secops_agent.models.automation.action import Action


class BlockState(models.TextChoices):
    """What became of an order. ``extended``: a later order for the same target on the same device took its place."""

    RUNNING = "running", "正在执行"
    ACTIVE = "active", "生效中"
    LIFTING = "lifting", "解除中，结果未定"
    UNKNOWN = "unknown", "结果未知"
    EXPIRED = "expired", "已到期"
    LIFTED = "lifted", "已解除"
    EXTENDED = "extended", "已延长"
    FAILED = "failed", "没有执行成功"
    DRY = "dry", "只做了演练"


class BlockRecord(models.Model):
    """One order of the ledger; written by `services.decisions.ledger` with the action it is of.

    ``kind`` is the tool. ``until`` None: for good, or (``minutes`` None) as long as the device's own rule says. ``stands``: what
    the device last said of it (None: it was not asked, or does not tell), ``proof`` how. ``due_at``: when it is to be ended
    by itself, or tried again; ``tries`` that failed. ``mistaken_by``: who found that it was a mistake.
    """

    action = models.OneToOneField(
        Action, verbose_name="处置动作", on_delete=models.PROTECT, related_name="block"
    )
    kind = models.CharField("种类", max_length=60)
    target = models.CharField("对象", max_length=200)
    asset_id = models.BigIntegerField("资产编号", null=True, blank=True)
    alert = models.ForeignKey(
        Alert, verbose_name="告警", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    case = models.ForeignKey(
        Case, verbose_name="事件", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    corp_id = models.CharField("企业 ID", max_length=100, blank=True, default="")
    state = models.CharField("状态", max_length=8, choices=BlockState.choices, default=BlockState.RUNNING)
    minutes = models.PositiveIntegerField("时长（分钟）", null=True, blank=True)
    since = models.DateTimeField("起")
    until = models.DateTimeField("到", null=True, blank=True)
    due_at = models.DateTimeField("到期处理", null=True, blank=True)
    tries = models.PositiveSmallIntegerField("解除失败次数", default=0)
    stands = models.BooleanField("设备上有", null=True, blank=True)
    verified_at = models.DateTimeField("核实时间", null=True, blank=True)
    proof = models.TextField("核实", blank=True, default="")
    ended_at = models.DateTimeField("结束时间", null=True, blank=True)
    ended_by = models.CharField("结束", max_length=100, blank=True, default="")
    mistaken_by = models.CharField("误封登记人", max_length=100, blank=True, default="")

    class Meta:
        verbose_name = verbose_name_plural = "封禁台账"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["kind", "target", "-id"], name="block_target"),
            models.Index(fields=["asset_id"], name="block_asset", condition=Q(asset_id__isnull=False)),
            models.Index(fields=["due_at"], name="block_due", condition=Q(due_at__isnull=False)),
            models.Index(fields=["state", "-id"], name="block_state"),
        ]

    def __str__(self) -> str:
        return self.target


class DeviceReading(models.Model):
    """What one device said at its last reading: every address that it blocks. ``told``: of the drift that administrators heard of."""

    config = models.OneToOneField(
        SystemConfig, verbose_name="设备", on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    due_at = models.DateTimeField("下次读取")
    read_at = models.DateTimeField("读取时间", null=True, blank=True)
    addresses = models.JSONField("地址", default=list)
    problem = models.CharField("没有读到的原因", max_length=500, blank=True, default="")
    told = models.JSONField("已告知", default=list)

    class Meta:
        verbose_name = verbose_name_plural = "设备对照"

    def __str__(self) -> str:
        return str(self.config)
