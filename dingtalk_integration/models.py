"""What the worker shows of its connections."""

from django.db import models

from bifang.core.models import SystemConfig


class ClientStatus(models.TextChoices):
    """The states of a stream client."""

    CONNECTING = "connecting", "连接中"
    CONNECTED = "connected", "已连接"
    RETRYING = "retrying", "重试中"
    PARKED = "parked", "凭证错误"
    STOPPED = "stopped", "已停止"


class ClientState(models.Model):
    """One configuration's connection in one worker process; fresh while ``updated_at`` is."""

    config = models.ForeignKey(
        SystemConfig, verbose_name="配置", on_delete=models.CASCADE, related_name="client_states"
    )
    owner = models.CharField("工作进程", max_length=80)
    status = models.CharField("状态", max_length=12, choices=ClientStatus.choices)
    since = models.DateTimeField("自")
    last_frame_at = models.DateTimeField("最近一帧", null=True)
    last_error = models.TextField("最近错误", blank=True, default="")
    last_error_at = models.DateTimeField("最近错误时间", null=True)
    messages_received = models.PositiveBigIntegerField("收到消息", default=0)
    connections = models.PositiveSmallIntegerField("连接数", default=0)
    updated_at = models.DateTimeField("更新时间")

    class Meta:
        verbose_name = verbose_name_plural = "连接状态"
        constraints = [models.UniqueConstraint(fields=["config", "owner"], name="client_state_once")]
        indexes = [models.Index(fields=["owner"], name="client_state_owner")]

    def __str__(self) -> str:
        return f"{self.config}: {self.get_status_display()}"
