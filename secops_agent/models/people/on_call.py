"""Who is on call when: schedules of layers, and exceptions."""

import re
from datetime import time
from typing import Final

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from bifang.core.models import SystemConfig
from secops_agent.models.people.staff import Staff


class Rotation(models.TextChoices):
    """How long one person's shift is; ``hours``: as many as the layer says."""

    DAILY = "daily", "每天"
    WEEKLY = "weekly", "每周"
    HOURS = "hours", "每若干小时"


class Days(models.TextChoices):
    """The days that a layer covers, by the table of working days."""

    ALL = "all", "每天"
    WORKING = "working", "工作日"
    REST = "rest", "休息日"


class OnCallSchedule(models.Model):
    """A named rota. Later layers cover earlier ones, exceptions cover all layers.

    ``holder`` and ``held_since``: who was on call when it was last looked at; when that changes, the shift is handed over.
    ``handovers_held``: messages about it that the quota held back since the last one.
    """

    name = models.CharField("名称", max_length=100, unique=True)
    enabled = models.BooleanField("启用", default=True)
    created_at = models.DateTimeField("创建时间", auto_now_add=True)
    handover_message = models.BooleanField("发送交接消息", default=True)
    handover_config = models.ForeignKey(
        SystemConfig,
        verbose_name="聊天配置",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    handover_group = models.CharField("交接消息也发到群", max_length=200, blank=True, default="")
    holder = models.ForeignKey(
        Staff, verbose_name="现在值班", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    held_since = models.DateTimeField(null=True, blank=True, editable=False)
    handovers_held = models.PositiveIntegerField("留存的交接消息", default=0, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "值班表"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class OnCallLayer(models.Model):
    """People who take turns. ``start`` is the date of the first person's first shift, at ``handover`` (Asia/Shanghai).

    ``hours_from`` and ``hours_until`` restrict it to a part of the day; where the first is the later one, over midnight.
    """

    schedule = models.ForeignKey(
        OnCallSchedule, verbose_name="值班表", on_delete=models.CASCADE, related_name="layers"
    )
    position = models.PositiveSmallIntegerField("次序", default=0)
    rotation = models.CharField("轮换", max_length=8, choices=Rotation.choices, default=Rotation.WEEKLY)
    shift_hours = models.PositiveSmallIntegerField(
        "每班小时数", default=12, validators=[MinValueValidator(1), MaxValueValidator(24 * 31)]
    )
    handover = models.TimeField("交接时间", default=time(9))
    start = models.DateField("第一班日期")
    days = models.CharField("适用日期", max_length=8, choices=Days.choices, default=Days.ALL)
    hours_from = models.TimeField("每天从", null=True, blank=True)
    hours_until = models.TimeField("每天到", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "轮班"
        ordering = ["schedule", "position"]
        constraints = [
            models.UniqueConstraint(fields=["schedule", "position"], name="on_call_layer_once"),
            models.CheckConstraint(
                condition=Q(hours_from=None, hours_until=None)
                | (Q(hours_from__isnull=False, hours_until__isnull=False) & ~Q(hours_from=F("hours_until"))),
                name="on_call_layer_hours",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.schedule} 第 {self.position + 1} 层"


class OnCallMember(models.Model):
    """A place in a layer's order of people."""

    layer = models.ForeignKey(OnCallLayer, on_delete=models.CASCADE, related_name="members")
    position = models.PositiveSmallIntegerField("次序", default=0)
    staff = models.ForeignKey(
        Staff, verbose_name="人员", on_delete=models.PROTECT, related_name="on_call_places"
    )

    class Meta:
        verbose_name = verbose_name_plural = "轮班人员"
        ordering = ["layer", "position"]
        constraints = [models.UniqueConstraint(fields=["layer", "position"], name="on_call_member_once")]

    def __str__(self) -> str:
        return str(self.staff)


SWAPPED: Final = re.compile(r"换班 X[A-Z]{5}")  # the reason of one that a swap made


class OnCallOverride(models.Model):
    """Somebody else is on call for a while; the latest one counts."""

    schedule = models.ForeignKey(
        OnCallSchedule, verbose_name="值班表", on_delete=models.CASCADE, related_name="overrides"
    )
    staff = models.ForeignKey(Staff, verbose_name="由谁值班", on_delete=models.PROTECT, related_name="+")
    starts_at = models.DateTimeField("开始")
    ends_at = models.DateTimeField("结束")
    reason = models.CharField("原因", max_length=200, blank=True, default="")
    uid = models.CharField("日历事件 ID", max_length=200, blank=True, default="", editable=False)
    created_at = models.DateTimeField("创建时间", auto_now_add=True)

    class Meta:
        verbose_name = verbose_name_plural = "临时换人"
        ordering = ["-starts_at"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="on_call_override_span"),
        ]
        indexes = [models.Index(fields=["schedule", "ends_at"], name="on_call_override_end")]

    def __str__(self) -> str:
        return f"{self.schedule} {self.staff}"

    @property
    def is_swap(self) -> bool:
        """Did two people agree on it?"""
        return bool(SWAPPED.fullmatch(self.reason))

    @property
    def what(self) -> str:
        """换班, or 临时换人."""
        return "换班" if self.is_swap else str(self._meta.verbose_name)


class SwapState(models.TextChoices):
    """Where a request to swap shifts stands."""

    ASKED = "asked", "等待答复"
    AGREED = "agreed", "已换班"
    DECLINED = "declined", "没有同意"
    WITHDRAWN = "withdrawn", "已撤回"
    EXPIRED = "expired", "已过期"


class ShiftSwap(models.Model):
    """One person asked another to take each other's duty on some days; only the other agrees, within time.

    ``pieces``: what changes hands, as both were shown it: ``{"start", "end", "to"}``, ISO times and a Staff id.
    """

    code = models.CharField("代码", max_length=10, unique=True)
    schedule = models.ForeignKey(
        OnCallSchedule, verbose_name="值班表", on_delete=models.CASCADE, related_name="swaps"
    )
    asker = models.ForeignKey(
        Staff, verbose_name="提出人", on_delete=models.PROTECT, related_name="asked_swaps"
    )
    other = models.ForeignKey(Staff, verbose_name="对方", on_delete=models.PROTECT, related_name="swaps")
    pieces = models.JSONField("班次", default=list)
    state = models.CharField("状态", max_length=10, choices=SwapState.choices, default=SwapState.ASKED)
    created_at = models.DateTimeField("提出时间", auto_now_add=True)
    expires_at = models.DateTimeField("有效期到")
    decided_at = models.DateTimeField("答复时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "换班"
        ordering = ["-id"]
        indexes = [models.Index(fields=["expires_at"], name="shift_swap_open", condition=Q(state="asked"))]

    def __str__(self) -> str:
        return f"{self.asker} ⇄ {self.other}"


class CalendarFeed(models.Model):
    """An address from which calendars read a schedule, or only one person's shifts. Only a digest of it is stored.

    ``maker``: the login that has it, and with which it goes; unknown for some that are older than this field.
    """

    schedule = models.ForeignKey(
        OnCallSchedule, verbose_name="值班表", on_delete=models.CASCADE, related_name="feeds"
    )
    staff = models.ForeignKey(
        Staff, verbose_name="只有谁的班次", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    made_by = models.CharField("创建人", max_length=200)
    maker = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name="创建的登录用户",
        null=True,
        on_delete=models.CASCADE,
        related_name="+",
        editable=False,
    )
    created_at = models.DateTimeField("创建时间", auto_now_add=True)
    revoked_at = models.DateTimeField("作废时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "日历订阅"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.schedule} {self.staff or ''}".strip()


class CalendarDay(models.Model):
    """A day that is not what its weekday says: a public holiday, or a weekend day that is worked (调休)."""

    date = models.DateField("日期", unique=True)
    working = models.BooleanField("上班")
    name = models.CharField("名称", max_length=50, blank=True, default="")

    class Meta:
        verbose_name = verbose_name_plural = "节假日与调休"
        ordering = ["date"]

    def __str__(self) -> str:
        return f"{self.date} {self.name}"
