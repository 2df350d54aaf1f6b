"""Syslog 来源: whose lines are taken, and what comes from each."""

from datetime import timedelta
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from bifang.core.admin.base import NOTHING, Screen, ago, badge, cell, moment, shortened
from bifang.core.errors import InvalidInput
from secops_agent.admin.inventory import actor_of
from secops_agent.models import SyslogListener, SyslogSource, SyslogTraffic
from secops_agent.services.audit.changes import keep
from secops_agent.services.clock import minutes_told
from secops_agent.syslog import sources, standing
from secops_agent.syslog.places import PORT

_LATE: Final = 90  # seconds after which a count of lines a minute tells nothing any more
_STRANGERS: Final = 10
_FIGURES: Final = (
    ("lines", "收到"), ("alerts", "成为告警"), ("below", "未达级别、不是告警"), ("cut", "超过 64 KiB 而截断"),
    ("rejected", "拒收"), ("over_rate", "超过速率而丢弃"), ("queue_full", "队列满而丢弃"),
)  # fmt: skip
CLOCK_OFF: Final = timedelta(minutes=30)  # more is no delay on the way
CLOCK_ADVICE: Final = (
    "请改设备的时钟，或这个来源的「时区」；在那以前它的告警按设备写的时间算，写在将来的按收到的时间算。"
)
_DROPS: Final = (("over_rate", "超过速率"), ("queue_full", "队列满"), ("cut", "截断"))


class SyslogSourceForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Networks as people write them: one a line."""

    networks = forms.CharField(
        label="网段",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text="发送设备的 IP 地址或网段，每行一个，例如 10.1.0.0/16。几个来源都包含一个地址时，前缀最长的算。",
    )
    format = forms.ChoiceField(
        label="格式",
        widget=UnfoldAdminSelectWidget(),
        help_text="「自动」认得 CEF、LEEF 和导入格式的 JSON，其余按普通日志；选了一种格式，不是这种格式的行会被拒收。",
    )

    class Meta:
        model = SyslogSource
        fields = ("name", "enabled", "networks", "encoding", "zone", "format", "plain_level", "rate")
        help_texts = {
            "name": "成为告警的「来源」，例如「边界防火墙」。",
            "zone": "日志时间里没有写时区时用，例如 Asia/Shanghai、UTC。RFC 3164 的时间都没有时区。",
            "plain_level": "这个级别和更严重的普通日志成为告警，其余只计数。CEF、LEEF 和认得的格式不受影响，其他产品的 JSON 事件受影响。",
            "rate": "超过时 UDP 的行丢弃并计数，TCP 和 TLS 的发送方等待；0 表示不限。",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice: Any = self.fields["format"]
        choice.choices = sources.formats(self.instance.format)
        self.initial.setdefault("format", sources.AUTO)
        if self.instance.pk:
            self.initial["networks"] = "\n".join(self.instance.networks)

    def clean_networks(self) -> list[str]:
        """In their usual form, and nobody else's."""
        words = str(self.cleaned_data["networks"]).replace(",", " ").replace("，", " ").split()
        try:
            found = sources.read_networks(words)
            sources.check_taken(found, self.instance.pk)
        except InvalidInput as error:
            raise forms.ValidationError(error.message) from None
        return found

    def clean_zone(self) -> str:
        """One that there is."""
        try:
            return sources.check_zone(str(self.cleaned_data["zone"]).strip())
        except InvalidInput as error:
            raise forms.ValidationError(error.message) from None


@admin.register(SyslogSource)
class SyslogSourceScreen(Screen):
    """With what came from each so far."""

    records_itself = True
    form = SyslogSourceForm
    purpose = "谁可以用 syslog 发来日志：按发送方的地址认。不属于任何来源的行丢弃，只计数。"
    when_empty = (
        "先新增一个来源，写明设备的网段，再让设备或 rsyslog 发过来。有没有接收进程、在哪个端口，写在上面。"
    )
    way = ("secops_agent.syslogrejection", "Syslog 拒收")
    list_display = (
        "name",
        "state",
        "network_line",
        "last_line",
        "speed",
        "lines",
        "alerts",
        "dropped",
        "refused",
    )
    list_select_related = ("traffic",)
    list_filter = ("enabled",)
    search_fields = ("name",)
    list_before_template = "admin/secops_agent/syslog.html"

    def beside_list(self, request: HttpRequest) -> dict[str, Any]:
        """With who listens, and who sends without being known."""
        return {"bf_syslog": _doors()}

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The figures of one that is there."""
        if obj and not self.has_change_permission(request, obj):
            told = ("name", "enabled", "network_line", "encoding", "zone", "format", "plain_level", "rate")
            return [(None, {"fields": told}), ("流量", {"fields": ("figures",)})]
        shown = [("流量", {"fields": ("figures",)})] if obj else []
        return [(None, {"fields": SyslogSourceForm.Meta.fields}), *shown]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The figures are counted, not written."""
        return ("figures", "network_line")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """With its record."""
        with transaction.atomic():
            before = sources.described(SyslogSource.objects.get(pk=obj.pk)) if change else {}
            super().save_model(request, obj, form, change)
            sources.keep_change(actor_of(request), obj, before)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """With its record."""
        with transaction.atomic():
            _keep_deletion(request, obj)
            super().delete_model(request, obj)

    @admin.display(description="状态", ordering="enabled")
    def state(self, row: SyslogSource) -> SafeString:
        """Does it send?"""
        if not row.enabled:
            return badge("已停用")
        traffic = _traffic(row)
        if traffic is None or traffic.last_line_at is None:
            return badge("还没有收到", "warn")
        if wrong := clock_trouble(traffic):
            return badge(wrong, "warn", CLOCK_ADVICE)
        return badge("在收", "ok") if _speed(traffic) else badge("安静", "idle", "近一分钟没有收到")

    network_line = cell("网段", lambda row: shortened("、".join(row.networks), 60))

    @admin.display(description="最近一行", ordering="traffic__last_line_at")
    def last_line(self, row: SyslogSource) -> SafeString | str:
        """When."""
        traffic = _traffic(row)
        return ago(traffic.last_line_at) if traffic else NOTHING

    @admin.display(description="每分钟")
    def speed(self, row: SyslogSource) -> str:
        """Lines."""
        traffic = _traffic(row)
        return f"{_speed(traffic)}" if traffic else NOTHING

    @admin.display(description="收到", ordering="traffic__lines")
    def lines(self, row: SyslogSource) -> str:
        """Since the beginning."""
        traffic = _traffic(row)
        return f"{traffic.lines:,}" if traffic else NOTHING

    @admin.display(description="成为告警", ordering="traffic__alerts")
    def alerts(self, row: SyslogSource) -> str:
        """The lines that did."""
        traffic = _traffic(row)
        return f"{traffic.alerts:,}" if traffic else NOTHING

    @admin.display(description="丢弃、截断")
    def dropped(self, row: SyslogSource) -> SafeString | str:
        """How many, and why."""
        traffic = _traffic(row)
        told = [f"{label} {getattr(traffic, name):,}" for name, label in _DROPS if getattr(traffic, name, 0)]
        return badge("；".join(told), "warn") if told else NOTHING

    @admin.display(description="拒收", ordering="traffic__rejected")
    def refused(self, row: SyslogSource) -> SafeString | str:
        """How many, linked to them."""
        traffic = _traffic(row)
        if traffic is None or not traffic.rejected:
            return NOTHING
        page = f"{reverse('admin:secops_agent_syslogrejection_changelist')}?source__id__exact={row.pk}"
        return format_html('<a class="bf-link" href="{}">{}</a>', page, f"{traffic.rejected:,}")

    @admin.display(description="到现在为止")
    def figures(self, row: SyslogSource) -> SafeString | str:
        """Everything that is counted."""
        traffic = _traffic(row)
        if traffic is None:
            return "还没有收到。"
        told = ((label, f"{getattr(traffic, name):,}") for name, label in _FIGURES)
        wrong = clock_trouble(traffic)
        shown = format_html_join("", "{}：{}<br>", [*told, *([(wrong, CLOCK_ADVICE)] if wrong else ())])
        return format_html(
            "{}最近一行：{}<br>最近丢弃：{}",
            shown,
            moment(traffic.last_line_at),
            moment(traffic.last_drop_at),
        )


def _doors() -> dict[str, Any]:
    fresh = list(SyslogListener.objects.filter(heartbeat_at__gte=timezone.now() - standing.FRESH))
    known = sources.SourceBook(sources.enabled_sources())
    strangers = [
        (address, count)
        for row in fresh
        for address, count in reversed(list(row.strangers.items()))
        if known.find(address) is None
    ]
    places = [place for row in fresh for place in row.places]
    last = SyslogTraffic.objects.order_by(F("last_line_at").desc(nulls_last=True)).first()
    return {
        "listeners": [(row.owner, row.places, row.connections, row.waiting) for row in fresh],
        "port": places[0].rpartition(":")[2] if places else PORT,
        "last": ago(last.last_line_at) if last and last.last_line_at else "还没有收到",
        "kernel_drops": sum(row.kernel_drops for row in fresh),
        "refused": sum(row.refused for row in fresh),
        "broken": sum(row.broken for row in fresh),
        "unknown": sum(row.unknown for row in fresh),
        "strangers": strangers[:_STRANGERS],
        "command": standing.COMMAND,
    }


def _keep_deletion(request: HttpRequest, row: SyslogSource) -> None:
    detail = {"name": row.name, "was": sources.described(row)}
    keep(actor_of(request), f"删除 Syslog 来源「{row.name}」", f"syslog_source:{row.pk}", detail)


def _traffic(row: SyslogSource) -> SyslogTraffic | None:
    found: SyslogTraffic | None = getattr(row, "traffic", None)
    return found


def clock_trouble(traffic: SyslogTraffic) -> str:
    """设备时间慢 8 小时; "" while it agrees with ours."""
    behind = timedelta(seconds=traffic.behind or 0)
    if abs(behind) < CLOCK_OFF:
        return ""
    return f"设备时间{'慢' if behind > timedelta(0) else '快'} {minutes_told(round(abs(behind) / timedelta(minutes=1)))}"


def _speed(traffic: SyslogTraffic) -> int:
    age = (timezone.now() - traffic.updated_at).total_seconds()
    return traffic.per_minute if age < _LATE else 0
