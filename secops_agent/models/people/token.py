"""Tokens with which programs call the API, and the answers that a repeated request gets again."""

from django.conf import settings
from django.db import models
from django.db.models import Value


class Scope(models.TextChoices):
    """What a token may do, within the rights of its owner. ``write`` includes ``read``; the others stand alone."""

    READ = "read", "读取"
    INGEST = "ingest", "导入"
    WRITE = "write", "修改"
    APPROVE = "approve", "审批"


class ApiToken(models.Model):
    """A token without the token itself: only its SHA-256 is stored, and `hint` to recognise it by.

    It acts as its ``owner`` and may never do more than they; with them it goes. A token without one belongs to the
    operator of the machine, has what its scopes say, and decides nothing. ``sources``: what is imported with it must
    come from one of these; empty: from any.
    """

    name = models.CharField("名称", max_length=100, unique=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField("令牌开头", max_length=12, editable=False)
    scopes = models.JSONField("权限范围", default=list)
    sources = models.JSONField(
        "可以代表的来源", default=list, db_default=Value([], models.JSONField()), blank=True
    )
    rate = models.PositiveIntegerField("每分钟请求数上限", default=3000)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name="归属用户",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
    )
    created_at = models.DateTimeField("创建时间", editable=False)
    expires_at = models.DateTimeField("到期时间", null=True, blank=True)
    last_used_at = models.DateTimeField("最近使用", null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField("吊销时间", null=True, blank=True, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "API 令牌"
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name


class RememberedAnswer(models.Model):
    """What a request with an Idempotency-Key was answered; ``status`` 0 while it is being worked on."""

    caller = models.CharField(max_length=110)
    key = models.CharField(max_length=200)
    body = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    answer = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = verbose_name_plural = "幂等记录"
        constraints = [models.UniqueConstraint(fields=["caller", "key"], name="remembered_answer_once")]
        indexes = [models.Index(fields=["created_at"], name="remembered_answer_at")]

    def __str__(self) -> str:
        return self.key
