"""Syslog: whose lines are taken, what came from each, what could not be read, and which processes listen."""

from django.db import models


class SyslogEncoding(models.TextChoices):
    """How the bytes of a source's lines are read."""

    UTF8 = "utf-8", "UTF-8"
    GBK = "gb18030", "GBK（GB18030）"


class SyslogLevel(models.IntegerChoices):
    """The severities of RFC 5424; a smaller number is graver."""

    EMERGENCY = 0, "emerg · 系统不可用"
    ALERT = 1, "alert · 立即处理"
    CRITICAL = 2, "crit · 严重"
    ERROR = 3, "err · 错误"
    WARNING = 4, "warning · 警告"
    NOTICE = 5, "notice · 值得注意"
    INFO = 6, "info · 一般信息"
    DEBUG = 7, "debug · 调试"


class SyslogSource(models.Model):
    """Devices whose lines are taken: those that send from ``networks``; of several sources the longest prefix wins.

    ``format``: "auto", or the importer that every line is handed to. ``plain_level``: plain lines this grave become
    alerts. ``rate``: lines a second; 0: no limit.
    """

    name = models.CharField("名称", max_length=60, unique=True)
    enabled = models.BooleanField("启用", default=True)
    networks = models.JSONField("网段", default=list)
    encoding = models.CharField(
        "编码", max_length=10, choices=SyslogEncoding.choices, default=SyslogEncoding.UTF8
    )
    zone = models.CharField("时区", max_length=40, default="Asia/Shanghai")
    format = models.CharField("格式", max_length=40, default="auto")
    plain_level = models.PositiveSmallIntegerField(
        "普通日志成为告警的级别", choices=SyslogLevel.choices, default=SyslogLevel.WARNING
    )
    rate = models.PositiveIntegerField("每秒行数上限", default=500)

    class Meta:
        verbose_name = verbose_name_plural = "Syslog 来源"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class SyslogTraffic(models.Model):
    """What came from a source so far; written every few seconds, by every process that listens."""

    source = models.OneToOneField(
        SyslogSource, verbose_name="来源", on_delete=models.CASCADE, primary_key=True, related_name="traffic"
    )
    lines = models.PositiveBigIntegerField("收到的行", default=0)
    alerts = models.PositiveBigIntegerField("成为告警的行", default=0)
    below = models.PositiveBigIntegerField("未达级别的行", default=0)
    cut = models.PositiveBigIntegerField("截断的行", default=0)
    rejected = models.PositiveBigIntegerField("拒收的行", default=0)
    over_rate = models.PositiveBigIntegerField("超过速率丢弃的行", default=0)
    queue_full = models.PositiveBigIntegerField("队列满丢弃的行", default=0)
    per_minute = models.PositiveIntegerField("每分钟行数", default=0)
    behind = models.IntegerField("设备时间落后（秒）", null=True, blank=True)
    last_line_at = models.DateTimeField("最近一行", null=True, blank=True)
    last_drop_at = models.DateTimeField("最近丢弃", null=True, blank=True)
    updated_at = models.DateTimeField("写入时间")

    class Meta:
        verbose_name = verbose_name_plural = "Syslog 流量"

    def __str__(self) -> str:
        return str(self.source)


class SyslogRejection(models.Model):
    """A line that could not be read: why, and its first bytes in base64. The newest of each source are kept."""

    source = models.ForeignKey(
        SyslogSource, verbose_name="来源", on_delete=models.CASCADE, related_name="rejections"
    )
    at = models.DateTimeField("收到时间")
    peer = models.CharField("地址", max_length=45)
    reason = models.CharField("原因", max_length=300)
    size = models.PositiveIntegerField("字节数")
    data = models.TextField("内容（base64）")

    class Meta:
        verbose_name = verbose_name_plural = "Syslog 拒收"
        ordering = ["-id"]
        indexes = [models.Index(fields=["at"], name="syslog_rejection_at")]

    def __str__(self) -> str:
        return f"{self.peer} {self.reason}"


class SyslogListener(models.Model):
    """A process that listens, alive while its heartbeat is fresh; ``strangers``: address → lines of no source."""

    owner = models.CharField("进程", max_length=200, primary_key=True)
    places = models.JSONField("监听地址", default=list)
    started_at = models.DateTimeField("启动时间")
    heartbeat_at = models.DateTimeField("心跳")
    connections = models.PositiveIntegerField("连接数", default=0)
    waiting = models.PositiveIntegerField("等待入库的行", default=0)
    unknown = models.PositiveBigIntegerField("未知地址的行", default=0)
    strangers = models.JSONField("未知地址", default=dict)
    refused = models.PositiveBigIntegerField("拒绝的连接", default=0)
    broken = models.PositiveBigIntegerField("出错或超时而断开的连接", default=0)
    kernel_drops = models.PositiveBigIntegerField("内核丢弃的 UDP 包", default=0)

    class Meta:
        verbose_name = verbose_name_plural = "Syslog 接收进程"
        ordering = ["-heartbeat_at"]

    def __str__(self) -> str:
        return self.owner
