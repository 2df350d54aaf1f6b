"""Tables of fields that people have written: formats beside those that are built in."""

from django.db import models
from django.db.models import Q


class FormatTable(models.Model):
    """One version of a table, as it was saved; its text never changes. At most one version of a name is in use.

    ``text``: TOML, as `secops_agent.importers.language` reads it. ``decided_by``: who last switched it on or off.
    """

    name = models.CharField("格式", max_length=40)
    title = models.CharField("名称", max_length=300)
    version = models.PositiveIntegerField("版本")
    text = models.TextField("字段表（TOML）")
    enabled = models.BooleanField("启用", default=False)
    made_by = models.CharField("谁写的", max_length=200)
    made_at = models.DateTimeField("保存时间")
    decided_by = models.CharField("谁启用或停用", max_length=200, blank=True, default="")
    decided_at = models.DateTimeField("启用或停用时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "接入"
        ordering = ["name", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="format_table_version"),
            models.UniqueConstraint(fields=["name"], condition=Q(enabled=True), name="format_table_in_use"),
        ]

    def __str__(self) -> str:
        return f"{self.name} 版本 {self.version}"
