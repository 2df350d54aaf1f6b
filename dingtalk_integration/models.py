"""What is kept of DingTalk: its calls, cards and quotas."""

from django.db import models

from bifang.core.models import SystemConfig


class CallbackDoor(models.TextChoices):
    """What DingTalk calls by HTTP; the value is the end of the address."""

    ROBOT = "robot", "机器人消息"
    EVENTS = "events", "事件订阅"
    CARDS = "cards", "卡片回调"


class CallbackState(models.Model):
    """Whether DingTalk has called one of the three addresses, and what was last refused there.

    Written at most every few seconds; ``missed_at``: something could not be stored since, or the service was away.
    """

    config = models.ForeignKey(
        SystemConfig, verbose_name="配置", on_delete=models.CASCADE, related_name="callback_states"
    )
    door = models.CharField("接口", max_length=8, choices=CallbackDoor.choices)
    called_at = models.DateTimeField("最近一次回调", null=True)
    refused_at = models.DateTimeField("最近一次拒绝", null=True)
    refusal = models.CharField("拒绝原因", max_length=200, blank=True, default="")
    missed_at = models.DateTimeField("可能有遗漏，自", null=True)

    class Meta:
        verbose_name = verbose_name_plural = "HTTP 回调"
        constraints = [models.UniqueConstraint(fields=["config", "door"], name="callback_state_once")]

    def __str__(self) -> str:
        return f"{self.config}: {self.get_door_display()}"


class UsedSignature(models.Model):
    """The signature of a click: it does not cover the body, so it is good for one body, kept while it is valid."""

    config = models.ForeignKey(SystemConfig, on_delete=models.CASCADE, related_name="+")
    timestamp = models.CharField(max_length=16)
    message_id = models.CharField(max_length=100)
    at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["config", "timestamp"], name="used_signature_once")]

    def __str__(self) -> str:
        return f"{self.config_id}: {self.timestamp}"


class ApiFamily(models.TextChoices):
    """What DingTalk counts. `QuotaLedger.of` says towards which of its two quotas."""

    ROBOT = "robot", "机器人接口"
    CARD = "card", "卡片接口"
    WEBHOOK = "webhook", "会话回复"
    BASE = "base", "令牌与文件"
    STREAM = "stream", "收到的消息"


class QuotaLedger(models.TextChoices):
    """The two monthly quotas of an organisation."""

    CALLS = "calls", "接口调用"
    MESSAGES = "messages", "Webhook 与 Stream 消息"

    @classmethod
    def of(cls, family: str) -> "QuotaLedger":
        """Whether a sessionWebhook's message is one of the messages is said nowhere: it is counted."""
        return cls.MESSAGES if family in (ApiFamily.WEBHOOK, ApiFamily.STREAM) else cls.CALLS


class Purpose(models.TextChoices):
    """What something was spent on."""

    ANSWER = "answer", "回答"
    ALERT = "alert", "告警"
    REPORT = "report", "报告"
    PROBE = "probe", "检查"
    SIGN_IN = "sign_in", "登录"


class ApiUsage(models.Model):
    """How often an application called DingTalk or was called by it on a day (DingTalk's time), and what for."""

    day = models.DateField("日期")
    client_id = models.CharField("Client ID", max_length=200)
    family = models.CharField("种类", max_length=8, choices=ApiFamily.choices)
    purpose = models.CharField("用途", max_length=8, choices=Purpose.choices, default=Purpose.ANSWER)
    calls = models.PositiveBigIntegerField("次数", default=0)

    class Meta:
        verbose_name = verbose_name_plural = "接口用量"
        ordering = ["-day", "client_id", "family", "purpose"]
        constraints = [
            models.UniqueConstraint(fields=["day", "client_id", "family", "purpose"], name="api_usage_once"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.client_id} {self.get_family_display()}"


class QuotaState(models.Model):
    """What is known of one quota in the month that began on ``since``: of what people were told, what DingTalk said.

    ``told`` is the highest percentage that the administrators were told of; ``refused_at``: DingTalk says that it is
    used up.
    """

    corp_id = models.CharField("企业", max_length=200, blank=True, default="")
    ledger = models.CharField("额度", max_length=8, choices=QuotaLedger.choices)
    since = models.DateField("起始日")
    told = models.PositiveSmallIntegerField("已提醒 %", default=0)
    refused_at = models.DateTimeField("钉钉拒绝时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "钉钉额度"
        ordering = ["-since", "corp_id", "ledger"]
        constraints = [
            models.UniqueConstraint(fields=["corp_id", "ledger", "since"], name="quota_state_once"),
        ]

    def __str__(self) -> str:
        return f"{self.since} {self.corp_id} {self.get_ledger_display()}"
