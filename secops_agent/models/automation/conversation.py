"""What was said, for the memory of a conversation."""

from django.db import models


class ConversationMessage(models.Model):
    """One message of a conversation's memory. ``key`` is the conversation: a group, or one person's chat."""

    key = models.CharField(max_length=32)
    role = models.CharField("角色", max_length=10, choices=[("user", "人"), ("assistant", "毕方")])
    speaker = models.CharField("说话人", max_length=100, blank=True, default="")
    author = models.CharField("说话人 ID", max_length=220, blank=True, default="", db_default="")
    content = models.TextField("内容")
    recall = models.TextField(
        "上次查了什么", blank=True, default="", db_default="", help_text="JSON，见 agent.recall"
    )
    created_at = models.DateTimeField("时间")

    class Meta:
        verbose_name = verbose_name_plural = "会话记忆"
        indexes = [
            models.Index(fields=["key", "id"], name="memory_key"),
            models.Index(fields=["created_at"], name="memory_created"),
        ]

    def __str__(self) -> str:
        return f"{self.key}:{self.pk}"
