"""Security reports that were made, with the numbers that they showed."""

from django.db import models


class SecurityReport(models.Model):
    """The numbers of [starts_at, ends_at) and of what they are compared with, as `services.reports.figures` has them."""

    kind = models.CharField(
        "种类", max_length=8, choices=[("daily", "日报"), ("weekly", "周报"), ("monthly", "月报")]
    )
    starts_at = models.DateTimeField("开始")
    ends_at = models.DateTimeField("结束")
    figures = models.JSONField("数字")
    earlier = models.JSONField("上一期的数字")
    made_at = models.DateTimeField("生成时间", auto_now_add=True)

    class Meta:
        verbose_name = verbose_name_plural = "报告"
        ordering = ["-ends_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "starts_at", "ends_at"], name="security_report_once")
        ]
        indexes = [models.Index(fields=["-ends_at", "-id"], name="security_report_end")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.starts_at:%Y-%m-%d}"
