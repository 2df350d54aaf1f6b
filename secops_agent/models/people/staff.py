"""People of the company, and what they may do."""

from django.conf import settings
from django.db import models


class Role(models.TextChoices):
    """Nested: each role may do what the ones before it may. ``none`` may do nothing."""

    NONE = "none", "无权限"
    VIEWER = "viewer", "查看"
    ANALYST = "analyst", "分析"
    RESPONDER = "responder", "处置"
    APPROVER = "approver", "审批"
    ADMIN = "admin", "管理"


RANK = {role: rank for rank, role in enumerate(Role)}


def allows(role: str, needed: Role) -> bool:
    """Does `role` include `needed`? Unknown roles include nothing."""
    return role in RANK and RANK[Role(role)] >= RANK[needed]


class StaffQuerySet(models.QuerySet["Staff"]):
    """The one place that says whose role counts."""

    def acting(self) -> "StaffQuerySet":
        """Those who may do what their role says: active, and not a person whose login is switched off."""
        return self.filter(active=True).exclude(user__is_active=False)


class Staff(models.Model):
    """One account of a person in one corporation; rows that are tied to the same ``user`` are one person.

    They stay one person when that login is switched off, who then may do nothing. An empty ``corp_id`` stands for the
    only corporation, until it is known.
    """

    corp_id = models.CharField("企业 ID", max_length=100, blank=True, default="")
    staff_id = models.CharField("员工 ID", max_length=100)
    name = models.CharField("姓名", max_length=100)
    role = models.CharField("角色", max_length=10, choices=Role.choices, default=Role.VIEWER)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name="登录用户",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="staff_rows",
    )
    active = models.BooleanField("在职", default=True)
    created_at = models.DateTimeField("创建时间", auto_now_add=True)
    updated_at = models.DateTimeField("修改时间", auto_now=True)

    objects = StaffQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "人员"
        ordering = ["corp_id", "staff_id"]
        constraints = [models.UniqueConstraint(fields=["corp_id", "staff_id"], name="staff_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def acts(self) -> bool:
        """As `StaffQuerySet.acting`."""
        return self.active and (self.user is None or self.user.is_active)
