"""The one table of configurations, the switches of the whole system, who got a password wrong, and second steps."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from axes.models import AccessAttempt
from django.conf import settings
from django.db import models
from django.db.models import Q

from bifang.core.configuration.kinds import chat_kinds, corporation_key, kind_choices
from bifang.core.secrets.sealed import Sealed, SealedField, place_of


class SystemConfigQuerySet(models.QuerySet["SystemConfig"]):
    """Archived rows stay for the records that name them."""

    def current(self) -> "SystemConfigQuerySet":
        """Without archived ones."""
        return self.filter(archived_at=None)

    def enabled(self, kind: str) -> "SystemConfigQuerySet":
        """The enabled ones of a kind, by id."""
        return self.current().filter(kind=kind, enabled=True).order_by("id")

    def chats(self) -> "SystemConfigQuerySet":
        """Those through which people talk with us, on whatever platform, by id."""
        return self.current().filter(kind__in=chat_kinds()).order_by("id")


class SystemConfig(models.Model):
    """One configuration of one kind. Written only through `bifang.core.configuration.configs`."""

    kind = models.CharField("类型", max_length=32, choices=kind_choices)
    name = models.CharField("配置名称", max_length=100)
    enabled = models.BooleanField("启用", default=True)
    revision = models.PositiveIntegerField("版本", default=1, editable=False)
    client_id = models.CharField("Client ID", max_length=200, blank=True, default="")
    ai_config = models.ForeignKey(
        "self", verbose_name="AI配置", null=True, blank=True, on_delete=models.PROTECT, related_name="used_by"
    )
    ai_fallback = models.ForeignKey(
        "self",
        verbose_name="备用AI配置",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="spare_of",
    )
    params = models.JSONField("参数", default=dict, blank=True)
    secrets = SealedField("密钥", null=True, blank=True, editable=False)
    last_error = models.TextField("最近错误", blank=True, default="", editable=False)
    last_error_at = models.DateTimeField("最近错误时间", null=True, blank=True, editable=False)
    created_at = models.DateTimeField("创建时间", auto_now_add=True)
    updated_at = models.DateTimeField("修改时间", auto_now=True)
    archived_at = models.DateTimeField("归档时间", null=True, blank=True, editable=False)

    objects = SystemConfigQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "系统配置"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "name"],
                condition=Q(archived_at=None),
                name="config_name_unique",
                violation_error_message="同类配置中已有这个名称。",
            ),
            models.UniqueConstraint(
                fields=["kind", "client_id"],
                condition=Q(archived_at=None, enabled=True) & ~Q(client_id=""),
                name="config_client_id_unique",
                violation_error_message="另一个启用的配置已使用这个 Client ID。",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def corporation(self) -> str:
        """The organisation whose people it talks with; "" until that is known, and for what is no chat."""
        return str(self.params.get(corporation_key(self.kind)) or "")

    def open_secrets(self) -> dict[str, str]:
        """Secret fields as stored (literal or reference). Raises SecretError."""
        sealed: Sealed | None = self.secrets
        return dict(sealed.open(place_of(SystemConfig, "secrets", self))) if sealed is not None else {}

    def seal_secrets(self, secrets: Mapping[str, Any]) -> None:
        """Set the secret fields of a row that has its id."""
        sealed = Sealed.of(dict(secrets), place_of(SystemConfig, "secrets", self))
        self.secrets = sealed if secrets else None


class Switch(models.Model):
    """A switch of the whole system (停止动作, 停用模型, 不主动说话, 维护模式, 只读), changed in the admin without a restart."""

    name = models.CharField("开关", max_length=32, primary_key=True)
    on = models.BooleanField("打开", default=False)
    reason = models.CharField("为什么", max_length=200, blank=True, default="", db_default="")
    changed_at = models.DateTimeField("修改时间", auto_now=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name="修改人", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )  # fmt: skip

    class Meta:
        verbose_name = verbose_name_plural = "系统开关"

    def __str__(self) -> str:
        return self.name


class Installation(models.Model):
    """What identifies this database; one row. ``proof``: sealed with the key of whatever else is sealed in here."""

    id = models.UUIDField("编号", primary_key=True, default=uuid4)
    proof = SealedField(null=True, bound_to=("id",), editable=False)
    made_at = models.DateTimeField("建立时间", auto_now_add=True)

    class Meta:
        verbose_name = verbose_name_plural = "安装"

    def __str__(self) -> str:
        return str(self.pk)


class LoginFailure(AccessAttempt):  # type: ignore[misc]  # the package has no types
    """What django-axes counts, under a name of ours."""

    class Meta:
        proxy = True
        verbose_name = verbose_name_plural = "登录失败"

    def __str__(self) -> str:
        return f"{self.username} · {self.ip_address}"


class SecondFactor(models.Model):
    """What makes the six digits of one user, once it was proved to work. Written only through `logins.second_factor`.

    ``step``: the 30 seconds whose digits were used last; ``recovery``: digests of the codes that are left, one a line.
    ``failures``: wrong ones since the last right one, from wherever they came.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, verbose_name="登录用户", on_delete=models.CASCADE, related_name="+"
    )
    secret = SealedField("密钥", bound_to=("user_id",), editable=False)
    step = models.BigIntegerField("最近用过的时段")
    recovery = models.TextField("恢复码摘要", blank=True, default="", editable=False)
    failures = models.PositiveIntegerField("连续失败", default=0)
    failed_at = models.DateTimeField("最近失败", null=True, blank=True)
    made_at = models.DateTimeField("设置时间", auto_now_add=True)

    class Meta:
        verbose_name = verbose_name_plural = "两步验证"

    def __str__(self) -> str:
        return str(self.user)


class EventCount(models.Model):
    """A count of `bifang.core.monitoring.counting`: of one kind of event, with these labels (a JSON list), in this bucket."""

    name = models.CharField(max_length=80)
    labels = models.CharField(max_length=400)
    bucket = models.CharField(max_length=8, blank=True, default="")
    value = models.FloatField(default=0)

    class Meta:
        verbose_name = verbose_name_plural = "计数"
        constraints = [models.UniqueConstraint(fields=["name", "labels", "bucket"], name="event_count_once")]

    def __str__(self) -> str:
        return f"{self.name}{self.labels}"
