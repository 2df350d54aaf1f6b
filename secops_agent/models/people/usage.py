"""What the models cost."""

from django.db import models


class ModelPrice(models.Model):
    """Yuan per million tokens, for every model whose name starts with ``prefix`` (the longest one wins)."""

    prefix = models.CharField("模型名（前缀）", max_length=100, unique=True)
    input_price = models.DecimalField("输入（元/百万 token）", max_digits=10, decimal_places=4)
    output_price = models.DecimalField("输出（元/百万 token）", max_digits=10, decimal_places=4)
    cached_price = models.DecimalField("缓存命中的输入（元/百万 token）", max_digits=10, decimal_places=4)

    class Meta:
        verbose_name = verbose_name_plural = "模型价格"
        ordering = ["prefix"]

    def __str__(self) -> str:
        return self.prefix


class TurnUsage(models.Model):
    """One turn's tokens. ``cost`` is in millionths of a yuan; NULL: the model has no price."""

    at = models.DateTimeField("时间")
    day = models.DateField("日期")
    config_id = models.BigIntegerField("聊天配置", null=True)
    ai_config_id = models.BigIntegerField("AI 配置", null=True)
    inbox_id = models.BigIntegerField("消息编号", null=True)
    person = models.CharField("提问人", max_length=220, blank=True, default="")
    model = models.CharField("模型", max_length=100)
    input_tokens = models.PositiveIntegerField("输入 token", default=0)
    output_tokens = models.PositiveIntegerField("输出 token", default=0)
    cached_tokens = models.PositiveIntegerField("其中缓存", default=0)
    cost = models.BigIntegerField("费用（百万分之一元）", null=True)

    class Meta:
        verbose_name = verbose_name_plural = "模型用量"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["day", "ai_config_id"], name="usage_day"),
            models.Index(fields=["at"], name="usage_at"),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.day:%Y-%m-%d}"
