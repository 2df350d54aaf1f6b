"""Runbooks: what to do, written by people."""

from django.db import models


class Runbook(models.Model):
    """One runbook in Markdown. Written through `services.runbooks`, which keeps the search index."""

    title = models.CharField("标题", max_length=200, unique=True)
    tags = models.JSONField("标签", default=list, blank=True)
    techniques = models.JSONField("ATT&CK 技术", default=list, blank=True)
    body = models.TextField("正文（Markdown）")
    created_at = models.DateTimeField("创建时间")
    updated_at = models.DateTimeField("修改时间")

    class Meta:
        verbose_name = verbose_name_plural = "处置手册"
        ordering = ["title", "id"]

    def __str__(self) -> str:
        return self.title


class RunbookTerm(models.Model):
    """A pair of Chinese characters or a word of a runbook, and how much it weighs there."""

    runbook = models.ForeignKey(Runbook, on_delete=models.CASCADE, related_name="terms")
    term = models.CharField(max_length=60)
    weight = models.FloatField()

    class Meta:
        verbose_name = verbose_name_plural = "手册检索词"
        constraints = [models.UniqueConstraint(fields=["term", "runbook"], name="runbook_term_once")]

    def __str__(self) -> str:
        return self.term
