"""What people keep beside the alerts: their saved views, and what they did last, so that it can be undone."""

from django.conf import settings
from django.db import models

from secops_agent.models.people.staff import Staff


class SavedView(models.Model):
    """A list of alerts as somebody wants it again. ``query`` is what the page itself would write, checked again when read."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name="所有人", on_delete=models.CASCADE, related_name="saved_views"
    )
    name = models.CharField("名称", max_length=40)
    query = models.CharField("条件", max_length=2000, blank=True, default="")
    created_at = models.DateTimeField("创建时间", auto_now_add=True)

    class Meta:
        verbose_name = verbose_name_plural = "保存的视图"
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="saved_view_once")]

    def __str__(self) -> str:
        return self.name


class TriageBatch(models.Model):
    """One act of one person on alerts, while it can be undone: of a ``user`` on the pages, of ``staff`` in a chat. ``rows``: alert id → [before, after], as
    `services.alerts.batches` reads them."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="triage_batches", null=True
    )
    staff = models.ForeignKey(Staff, on_delete=models.CASCADE, related_name="triage_batches", null=True)
    at = models.DateTimeField("时间", db_index=True)
    text = models.CharField("做了什么", max_length=200)
    rows = models.JSONField(default=dict)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "处置批次"
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.text
