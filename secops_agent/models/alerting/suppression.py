"""Rules by which alerts are stored and counted without anybody being asked to look at them."""

from django.db import models
from django.db.models import Q


class SuppressionRule(models.Model):
    """``conditions`` are those of notification rules. ``hits`` counts occurrences; ``trial`` is what the last seven
    days said when it was switched on."""

    name = models.CharField("名称", max_length=100, unique=True)
    enabled = models.BooleanField("启用", default=False)
    conditions = models.JSONField("条件", default=dict, blank=True)
    reason = models.CharField("原因", max_length=300)
    expires_at = models.DateTimeField("有效期至", null=True, blank=True)
    hits = models.PositiveBigIntegerField("抑制次数", default=0, editable=False)
    last_hit_at = models.DateTimeField("最近抑制", null=True, blank=True, editable=False)
    trial = models.JSONField(default=dict, editable=False)
    made_by = models.CharField("创建人", max_length=200, blank=True, default="", editable=False)
    enabled_by = models.CharField("启用人", max_length=200, blank=True, default="", editable=False)
    created_at = models.DateTimeField("创建时间", auto_now_add=True)
    updated_at = models.DateTimeField("修改时间", auto_now=True)

    class Meta:
        verbose_name = verbose_name_plural = "抑制规则"
        ordering = ["name"]
        indexes = [models.Index(fields=["id"], name="suppression_rule_on", condition=Q(enabled=True))]

    def __str__(self) -> str:
        return self.name
