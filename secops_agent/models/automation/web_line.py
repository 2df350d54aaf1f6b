"""What the web chat shows."""

from django.db import models


class LineKind(models.TextChoices):
    """Who speaks: the person, Bifang, or an answer of Bifang's that still grows."""

    ASKED = "asked", "提问"
    ANSWERED = "answered", "回答"
    DRAFT = "draft", "正在回答"


class WebLine(models.Model):
    """A line of a person's conversation on the page: what they said, and what was delivered to them.

    ``key`` makes a line that is written twice one line; ``inbox_id`` is the message that it belongs to.
    """

    conversation_id = models.CharField(max_length=60)
    key = models.CharField(max_length=160, unique=True)
    kind = models.CharField(max_length=8, choices=LineKind.choices)
    text = models.TextField(blank=True, default="")
    buttons = models.JSONField(default=list, blank=True)
    inbox_id = models.BigIntegerField(null=True, blank=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name = verbose_name_plural = "网页聊天"
        ordering = ["id"]
        indexes = [
            models.Index(fields=["conversation_id", "id"], name="web_line_conversation"),
            models.Index(fields=["at"], name="web_line_at"),
        ]

    def __str__(self) -> str:
        return self.key
