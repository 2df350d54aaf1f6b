"""Assets, the keys that identify them, and the software on them."""

from django.db import models

from secops_agent.models.choices import AssetType, Importance
from secops_agent.models.people.staff import Staff


class Asset(models.Model):
    """Something of ours that can be attacked. ``locked`` names the fields that people set: imports keep those."""

    asset_type = models.CharField("类型", max_length=20, choices=AssetType.choices)
    name = models.CharField("名称", max_length=300)
    ips = models.JSONField("IP 地址", default=list, blank=True)
    owner = models.ForeignKey(
        Staff,
        verbose_name="负责人",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="assets",
        db_index=False,
    )
    owner_text = models.CharField("来源中的负责人", max_length=200, blank=True, default="")
    importance = models.CharField("重要性", max_length=10, choices=Importance.choices, blank=True, default="")
    tags = models.JSONField("标签", default=list, blank=True)
    environment = models.CharField("环境", max_length=50, blank=True, default="")
    description = models.TextField("说明", blank=True, default="")
    sources = models.JSONField("来源", default=list, blank=True)
    locked = models.JSONField(default=list, blank=True, editable=False)
    first_seen = models.DateTimeField("首次发现")
    last_seen = models.DateTimeField("最近发现")

    class Meta:
        verbose_name = verbose_name_plural = "资产"
        ordering = ["name", "id"]
        indexes = [
            models.Index(fields=["name", "id"], name="asset_name"),
            models.Index(fields=["asset_type", "name", "id"], name="asset_type_name"),
            models.Index(fields=["owner", "name", "id"], name="asset_owner_name"),
            models.Index(fields=["environment", "name", "id"], name="asset_environment_name"),
            models.Index(fields=["importance", "name", "id"], name="asset_importance_name"),
        ]

    def __str__(self) -> str:
        return self.name


class AssetKey(models.Model):
    """A name or address of an asset, lower case where case is void.

    ``identity`` keys ("host:fqdn:web-01.corp") belong to one asset; the others (addresses, shared names) only
    help to find it and have an identity of None. ``stated``: an inventory, a scanner or a person says so; what only an alert
    names may be an outsider's word, and protects nothing.
    """

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="keys", db_index=False)
    kind = models.CharField("种类", max_length=20)
    value = models.CharField("值", max_length=500)
    identity = models.CharField(max_length=540, null=True, blank=True, unique=True)
    stated = models.BooleanField("不只是告警提到", default=True, db_default=True)

    class Meta:
        verbose_name = verbose_name_plural = "资产标识"
        constraints = [models.UniqueConstraint(fields=["asset", "kind", "value"], name="asset_key_once")]
        indexes = [models.Index(fields=["value", "kind"], name="asset_key_value")]

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


class Component(models.Model):
    """Software on an asset. ``package`` and ``source_package`` are what advisories name, see services.purls."""

    identity = models.CharField(max_length=32, unique=True, editable=False)
    asset = models.ForeignKey(
        Asset, verbose_name="资产", on_delete=models.CASCADE, related_name="components", db_index=False
    )
    name = models.CharField("名称", max_length=300)
    version = models.CharField("版本", max_length=200, blank=True, default="")
    purl = models.CharField("purl", max_length=1000, blank=True, default="")
    component_type = models.CharField("类型", max_length=50, blank=True, default="")
    ecosystem = models.CharField("生态", max_length=30, blank=True, default="")
    package = models.CharField("软件包", max_length=300, blank=True, default="")
    source_package = models.CharField("源码包", max_length=300, blank=True, default="")
    distro = models.CharField("发行版", max_length=60, blank=True, default="")
    location = models.CharField("位置", max_length=500, blank=True, default="")
    licenses = models.JSONField("许可证", default=list, blank=True)
    active = models.BooleanField("仍存在", default=True)
    source = models.CharField("来源", max_length=60, blank=True, default="")
    first_seen = models.DateTimeField("首次发现")
    last_seen = models.DateTimeField("最近发现")

    class Meta:
        verbose_name = verbose_name_plural = "组件"
        ordering = ["name", "id"]
        indexes = [
            models.Index(fields=["asset", "name", "id"], name="component_asset_name"),
            models.Index(fields=["ecosystem", "package"], name="component_package"),
            models.Index(
                fields=["ecosystem", "source_package"],
                condition=~models.Q(source_package=""),
                name="component_source_package",
            ),
            models.Index(fields=["name", "id"], name="component_name"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()
