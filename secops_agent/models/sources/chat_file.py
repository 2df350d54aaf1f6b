"""Files that people sent to the robot, and what is still to be asked about them."""

from django.db import models


class FileQuestion(models.TextChoices):
    """What the sender has yet to say. Nothing: it is proposed, or dropped."""

    FORMAT = "format", "格式"
    ASSET = "asset", "资产"
    NONE = "", "无"


class ChatFile(models.Model):
    """How things stood with a file after a turn; the newest row of a ``file`` counts, and no row ever changes.

    So a turn that is run again, or whose worker died, has asked and answered nothing. ``file`` is the name in the
    staging directory; ``candidates`` are the formats that were asked about.
    """

    config_id = models.BigIntegerField()
    conversation_id = models.CharField("会话", max_length=200)
    corp_id = models.CharField("企业 ID", max_length=100)
    staff_id = models.CharField("员工 ID", max_length=100)
    file = models.CharField(max_length=80)
    name = models.CharField("文件名", max_length=200)
    size = models.PositiveBigIntegerField("大小（字节）")
    digest = models.CharField("SHA-256", max_length=64)
    format = models.CharField("格式", max_length=40, blank=True, default="")
    asks = models.CharField("要问的", max_length=8, choices=FileQuestion.choices, blank=True, default="")
    candidates = models.JSONField(default=list)
    at = models.DateTimeField("时间")

    class Meta:
        verbose_name = verbose_name_plural = "会话里的文件"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["config_id", "conversation_id", "staff_id", "-id"], name="chat_file_newest"),
            models.Index(fields=["at"], name="chat_file_at"),
        ]

    def __str__(self) -> str:
        return self.name
