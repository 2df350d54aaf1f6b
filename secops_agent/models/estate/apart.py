"""Assets that seem to be one and were not joined, as sources brought them that leave no row in the history of imports."""

from django.db import models

from bifang.core.models import SystemConfig


class KeptApart(models.Model):
    """Of one stream or account. ``names`` as `ImportOutcome.apart` has them. Written only by `services.intake.apart`."""

    config = models.ForeignKey(
        SystemConfig, verbose_name="来源的配置", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    mark = models.CharField(max_length=32)
    names = models.TextField("资产")
    at = models.DateTimeField("最近一次")

    class Meta:
        verbose_name = verbose_name_plural = "没有合并的资产"
        constraints = [models.UniqueConstraint(fields=["config", "mark"], name="kept_apart_once")]
        indexes = [models.Index(fields=["at"], name="kept_apart_at")]

    def __str__(self) -> str:
        return self.names
