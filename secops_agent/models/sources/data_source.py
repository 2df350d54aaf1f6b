"""Sources of data: what each brought by the hour, and whether that is as usual."""

from django.db import models


class SourceDoor(models.TextChoices):
    """By which door a source comes in."""

    TOKEN = "token", "API 与接收器"
    SYSLOG = "syslog", "Syslog"
    STREAM = "stream", "消息流"
    PULL = "pull", "定时拉取"
    FILE = "file", "import_data"


class SourceTrouble(models.TextChoices):
    """What is unusual about a source."""

    NONE = "", "正常"
    SILENT = "silent", "没有数据"
    LOW = "low", "比平时少得多"
    GARBLED = "garbled", "格式变了"


class DataSource(models.Model):
    """One source. ``key`` names it for ever: its door, and who it is there.

    ``lines`` and ``broken``: the counters of its door as last read, where the door only has a running total. ``floor``:
    what an administrator expects a day; None: learned. ``judged_at``: the last hour at which it was looked at.
    ``summed``: its trouble is told together with that of others.
    """

    key = models.CharField(max_length=160, unique=True, editable=False)
    door = models.CharField("途径", max_length=8, choices=SourceDoor.choices)
    name = models.CharField("来源", max_length=200)
    first_seen = models.DateTimeField("最早")
    last_seen = models.DateTimeField("最近一条", null=True, blank=True)
    lines = models.PositiveBigIntegerField(default=0, editable=False)
    broken = models.PositiveBigIntegerField(default=0, editable=False)
    floor = models.PositiveIntegerField("每天至少多少条", null=True, blank=True)
    watched = models.BooleanField("安静了告诉我", default=True)
    trouble = models.CharField("状态", max_length=8, choices=SourceTrouble.choices, blank=True, default="")
    trouble_at = models.DateTimeField("自", null=True, blank=True)
    detail = models.CharField("说明", max_length=300, blank=True, default="")
    summed = models.BooleanField(default=False, editable=False)
    judged_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "数据源"
        ordering = ["door", "name"]

    def __str__(self) -> str:
        return self.name


class SourceHour(models.Model):
    """What a source brought in one hour: records or lines, and how many of them nobody could read."""

    source = models.ForeignKey(DataSource, on_delete=models.CASCADE, related_name="hours", db_index=False)
    hour = models.DateTimeField()
    taken = models.PositiveBigIntegerField(default=0)
    unreadable = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name = verbose_name_plural = "数据源的每小时"
        constraints = [models.UniqueConstraint(fields=["source", "hour"], name="source_hour_once")]
        indexes = [models.Index(fields=["hour"], name="source_hour_at")]

    def __str__(self) -> str:
        return f"{self.source_id}:{self.hour:%m-%d %H}"
