"""Lists of indicators that somebody else calls bad, and which alerts name one of them."""

from django.db import models
from django.db.models import F, Q

from secops_agent.models.alerting.alert import Alert
from secops_agent.models.choices import Severity


class IndicatorList(models.Model):
    """Where entries come from and what a hit does.

    ``protects``: it names what must not be blocked (partners, public services), and hits nothing.
    ``prefixes``: the kinds of networks in it ("4/24"), so that an address is only looked up in those. ``compared`` and
    ``compare_to``: stored alerts up to the first have been compared with it, those up to the second are to be.
    """

    name = models.CharField("名称", max_length=60, unique=True)
    origin = models.CharField("出处", max_length=200, blank=True, default="")
    enabled = models.BooleanField("启用", default=True)
    default_days = models.PositiveSmallIntegerField("默认有效期（天）", null=True, blank=True, default=90)
    severity = models.CharField(
        "命中的告警至少为", max_length=10, choices=Severity.choices, blank=True, default=""
    )
    protects = models.BooleanField("永不封禁", default=False, db_default=False)
    prefixes = models.JSONField(default=list, editable=False)
    compared = models.BigIntegerField(default=0, editable=False)
    compare_to = models.BigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField("创建时间", auto_now_add=True)
    updated_at = models.DateTimeField("修改时间", auto_now=True)

    class Meta:
        verbose_name = verbose_name_plural = "情报清单"
        ordering = ["name"]
        permissions = [("protect_indicatorlist", "可以说什么永不封禁")]
        indexes = [
            models.Index(
                fields=["id"], name="indicator_list_behind", condition=Q(compared__lt=F("compare_to"))
            )
        ]

    def __str__(self) -> str:
        return self.name


class ListedKind(models.TextChoices):
    """What an entry names."""

    IP = "ip", "IP"
    CIDR = "cidr", "网段"
    DOMAIN = "domain", "域名"
    URL = "url", "URL"
    HASH = "hash", "哈希"
    EMAIL = "email", "邮箱"
    ACCOUNT = "account", "账号"


class ListedIndicator(models.Model):
    """One entry, in the spelling of `services.records.indicators`; it holds until ``expires_at`` (None: for good)."""

    list = models.ForeignKey(
        IndicatorList, verbose_name="清单", on_delete=models.CASCADE, related_name="entries", db_index=False
    )
    kind = models.CharField("种类", max_length=8, choices=ListedKind.choices)
    value = models.CharField("值", max_length=500)
    note = models.CharField("说明", max_length=300, blank=True, default="")
    origin = models.CharField("出处", max_length=200, blank=True, default="")
    expires_at = models.DateTimeField("有效期至", null=True, blank=True)
    created_at = models.DateTimeField("加入时间")

    class Meta:
        verbose_name = verbose_name_plural = "情报条目"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["list", "value", "kind"], name="listed_indicator_once")
        ]
        indexes = [
            models.Index(fields=["value"], name="listed_indicator_value"),
            models.Index(
                fields=["expires_at"],
                name="listed_indicator_expiry",
                condition=Q(expires_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.value


class IndicatorHit(models.Model):
    """An alert names an entry: with the observable that does. It counts while the entry and its list hold."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="hits", db_index=False)
    entry = models.ForeignKey(ListedIndicator, on_delete=models.CASCADE, related_name="hits")
    kind = models.CharField("种类", max_length=10)
    value = models.CharField("可观察对象", max_length=500)
    at = models.DateTimeField("发现时间")

    class Meta:
        verbose_name = verbose_name_plural = "情报命中"
        constraints = [models.UniqueConstraint(fields=["alert", "entry", "value"], name="indicator_hit_once")]
        indexes = [models.Index(fields=["at"], name="indicator_hit_at")]

    def __str__(self) -> str:
        return f"{self.alert_id}:{self.entry_id}"
