"""What was taken from message brokers: marks of what is stored, letters that nobody could read, and who is taking."""

from django.db import models
from django.db.models import Q

from bifang.core.models import SystemConfig


class BrokerMark(models.Model):
    """A message that is dealt with; written in the transaction of its alerts, so that it is never taken twice."""

    config = models.ForeignKey(SystemConfig, on_delete=models.CASCADE, related_name="+", db_index=False)
    mark = models.CharField(max_length=32)
    at = models.DateTimeField()

    class Meta:
        verbose_name = verbose_name_plural = "消息流标记"
        constraints = [models.UniqueConstraint(fields=["config", "mark"], name="broker_mark_once")]
        indexes = [models.Index(fields=["at"], name="broker_mark_at")]

    def __str__(self) -> str:
        return self.mark


class LetterState(models.TextChoices):
    """A message that failed is tried again, and then left to people."""

    TRYING = "trying", "重试中"
    DEAD = "dead", "死信"


class BrokerLetter(models.Model):
    """A message that failed. ``payload`` is its beginning; all of it, unless it is shorter than ``size``. Private."""

    config = models.ForeignKey(
        SystemConfig, verbose_name="消息流", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    mark = models.CharField(max_length=32)
    position = models.CharField("消息编号", max_length=100)
    state = models.CharField("状态", max_length=8, choices=LetterState.choices, default=LetterState.TRYING)
    tries = models.PositiveSmallIntegerField("试过", default=0)
    error = models.TextField("原因", blank=True, default="")
    size = models.PositiveBigIntegerField("大小（字节）")
    payload = models.BinaryField("原文")
    received_at = models.DateTimeField("进入消息流的时间")
    failed_at = models.DateTimeField("最近失败")

    class Meta:
        verbose_name = verbose_name_plural = "消息流死信"
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["config", "mark"], name="broker_letter_once")]
        indexes = [
            models.Index(fields=["config", "id"], condition=Q(state="dead"), name="broker_letter_dead"),
            models.Index(fields=["failed_at"], name="broker_letter_at"),
        ]

    def __str__(self) -> str:
        return self.position


class ConsumerStatus(models.TextChoices):
    """How a process stands with a broker."""

    CONNECTED = "connected", "已连接"
    CONNECTING = "connecting", "正在连接"
    RETRYING = "retrying", "重试中"
    PARKED = "parked", "已停下"


class BrokerConsumer(models.Model):
    """One process that takes messages of one configuration, as it last said itself.

    ``lag``: not delivered to anybody yet, None where the broker does not know; ``pending``: delivered, not confirmed.
    """

    config = models.ForeignKey(SystemConfig, on_delete=models.CASCADE, related_name="+", db_index=False)
    owner = models.CharField("进程", max_length=100)
    status = models.CharField("状态", max_length=12, choices=ConsumerStatus.choices)
    since = models.DateTimeField("自")
    lag = models.PositiveBigIntegerField("积压", null=True, blank=True)
    pending = models.PositiveBigIntegerField("未确认", null=True, blank=True)
    taken = models.PositiveBigIntegerField("已处理", default=0)
    last_message_at = models.DateTimeField("最近消息", null=True, blank=True)
    last_error = models.TextField("最近错误", blank=True, default="")
    last_error_at = models.DateTimeField("最近错误时间", null=True, blank=True)
    attempts = models.PositiveIntegerField("连续失败", default=0)
    retry_at = models.DateTimeField("下次重试", null=True, blank=True)
    updated_at = models.DateTimeField("更新时间")

    class Meta:
        verbose_name = verbose_name_plural = "消息流消费者"
        constraints = [models.UniqueConstraint(fields=["config", "owner"], name="broker_consumer_once")]

    def __str__(self) -> str:
        return f"{self.config_id}:{self.owner}"
