"""How far the fetching of alerts from elsewhere has come."""

from django.db import models

from bifang.channels.models import ClaimableRow, State
from bifang.core.models import SystemConfig


class Pull(ClaimableRow):
    """One configuration's. Written only by `services.intake.pulls`.

    ``cursor``: all that happened before is stored. ``version`` of the configuration that was last tried; ``parked``
    until it is another. ``last_new``: alerts that the last one brought. ``known``: key → version of what is stored, where
    the other side has no order.
    """

    config = models.OneToOneField(
        SystemConfig, verbose_name="配置", primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    cursor = models.DateTimeField("已取到", null=True)
    known = models.JSONField(default=dict, null=True)
    next_at = models.DateTimeField("下一次")
    state = models.CharField("状态", max_length=8, choices=State.choices, default=State.PENDING)
    version = models.CharField(max_length=64, default="")
    parked = models.BooleanField(default=False)
    failures = models.PositiveIntegerField("连续失败", default=0)
    last_at = models.DateTimeField("上一次成功", null=True)
    last_seen = models.PositiveIntegerField("上一次条数", default=0)
    last_new = models.PositiveIntegerField("上一次新增", default=0)

    class Meta:
        verbose_name = verbose_name_plural = "拉取进度"

    def __str__(self) -> str:
        return self.config.name
