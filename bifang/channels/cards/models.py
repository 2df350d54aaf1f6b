"""The cards of every platform."""

from django.db import models

from bifang.core.models import SystemConfig


class CardState(models.TextChoices):
    """Where a card stands. What was given up is answered by text, and the card still to be closed."""

    OPEN = "open", "进行中"
    FINISHED = "finished", "已完成"
    GIVEN_UP = "given_up", "已改用文字"
    FAILED = "failed", "已中断"


class Card(models.Model):
    """One interactive card: of a turn (``inbox``), of one message with buttons, or of something that goes on.

    ``part_key`` is the outbox part that completes it, or said last how it stands; ``shown`` tells that the platform
    accepted its delivery; ``remote_id`` is the platform's name for it, "" where it goes by ours. ``readers`` were shown a
    title of their own: why they may not do what they clicked.
    """

    out_track_id = models.CharField("卡片 ID", max_length=64, unique=True)
    remote_id = models.CharField("平台的卡片 ID", max_length=200, blank=True, default="")
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
    readers = models.JSONField(default=list, blank=True)
    last_error = models.TextField("最近错误", blank=True, default="")
    created_at = models.DateTimeField("创建时间")
    updated_at = models.DateTimeField("更新时间")

    class Meta:
        db_table = "dingtalk_integration_card"  # older than the other platforms
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
