"""What a company knows of the detection rules that its alerts name."""

from django.db import models


class DetectionRule(models.Model):
    """A Sigma rule's own words. Written only by `services.alerts.detection_rules`.

    ``name_key``: the title without case, by which an alert that gives no number names it. ``techniques`` are ATT&CK ids.
    """

    uid = models.CharField("编号", max_length=40, unique=True)
    name = models.CharField("名称", max_length=300)
    name_key = models.CharField(max_length=300, db_index=True, editable=False)
    level = models.CharField("级别", max_length=20, blank=True, default="")
    description = models.TextField("说明", blank=True, default="")
    false_positives = models.JSONField("已知的误报", default=list)
    techniques = models.JSONField("ATT&CK", default=list)

    class Meta:
        verbose_name = verbose_name_plural = "检测规则"

    def __str__(self) -> str:
        return self.name
