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


class CardState(models.TextChoices):
    """Where a card stands. What was given up is answered by markdown, and the card still to be closed."""

    OPEN = "open", "进行中"
    FINISHED = "finished", "已完成"
    GIVEN_UP = "given_up", "已改用文字"
    FAILED = "failed", "已中断"


class Card(models.Model):
    """One interactive card: of a turn (``inbox``), or of one message with buttons.

    ``part_key`` is the outbox part that completes it; ``shown`` tells that DingTalk accepted its delivery.
    """

    out_track_id = models.CharField("卡片 ID", max_length=64, unique=True)
    config = models.ForeignKey(SystemConfig, verbose_name="配置", on_delete=models.CASCADE, related_name="+")
    inbox = models.ForeignKey(
        "channels.InboxRow", verbose_name="来自", null=True, on_delete=models.CASCADE, related_name="+"
    )
    conversation_id = models.CharField("会话", max_length=200, blank=True, default="")
    is_group = models.BooleanField("群聊", default=False)
    staff_id = models.CharField("员工 ID", max_length=100, blank=True, default="")
    state = models.CharField("状态", max_length=10, choices=CardState.choices, default=CardState.OPEN)
    shown = models.BooleanField("已投放", default=False)
    part_key = models.CharField("回复标识", max_length=120, blank=True, default="")
    digest = models.CharField("内容摘要", max_length=64, blank=True, default="")
    last_error = models.TextField("最近错误", blank=True, default="")
    created_at = models.DateTimeField("创建时间")
    updated_at = models.DateTimeField("更新时间")

    class Meta:
        verbose_name = verbose_name_plural = "AI 卡片"
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["updated_at"],
                name="card_unfinished",
                condition=models.Q(state__in=["open", "given_up"]),
            ),
        ]

    def __str__(self) -> str:
        return self.out_track_id


class ApiFamily(models.TextChoices):
    """What DingTalk meters apart. All but the webhooks count towards the monthly quota of OpenAPI calls."""

    ROBOT = "robot", "机器人接口"
    CARD = "card", "卡片接口"
    WEBHOOK = "webhook", "会话回复"
    BASE = "base", "令牌与文件"


class ApiUsage(models.Model):
    """How often an application called DingTalk in a month (``2026-11``, DingTalk's time)."""

    client_id = models.CharField("Client ID", max_length=200)
    family = models.CharField("种类", max_length=8, choices=ApiFamily.choices)
    month = models.CharField("月份", max_length=7)
    calls = models.PositiveBigIntegerField("调用次数", default=0)

    class Meta:
        verbose_name = verbose_name_plural = "接口用量"
        ordering = ["-month", "client_id", "family"]
        constraints = [
            models.UniqueConstraint(fields=["month", "client_id", "family"], name="api_usage_once"),
        ]

    def __str__(self) -> str:
        return f"{self.month} {self.client_id} {self.get_family_display()}"
