"""数据源: what each source brought in a week, its rhythm, and what is unusual about it."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bifang.core.admin.base import NOTHING, Screen, ago, badge, moment
from bifang.core.admin.dashboard import named
from bifang.core.admin.panels import CARDS, Panel
from secops_agent.models import DataSource, SourceHour, SourceTrouble
from secops_agent.services.operations.rhythms import about
from secops_agent.services.operations.source_watch import troubled

WEEK: Final = timedelta(days=7)
BARS: Final = 28  # of six hours each
WIDTH, HEIGHT = 140, 24
TONES: Final = {
    "": "ok",
    SourceTrouble.SILENT: "bad",
    SourceTrouble.LOW: "warn",
    SourceTrouble.GARBLED: "bad",
}


def source_state(request: HttpRequest) -> tuple[str, str]:
    """For its card: how many have trouble, and the tone."""
    names = [row.name for row in troubled()[:BARS]]
    if not names:
        return f"{DataSource.objects.count()} 个，都正常", "ok"
    return f"{len(names)} 个不正常：{named(names)}"[:120], "bad"


def source_cards(request: HttpRequest) -> Iterable[Panel]:
    """On the front page while something is wrong."""
    if not request.user.has_perm("secops_agent.view_datasource"):
        return []
    rows = list(troubled()[:BARS])
    if not rows:
        return []
    note = f"「{rows[0].name}」{rows[0].detail}"[:160]
    page = reverse("admin:secops_agent_datasource_changelist")
    return [Panel("数据源", f"{len(rows)}", note, "bad", "sensors_off", page)]


CARDS.add(source_cards, place=26)


@admin.register(DataSource)
class DataSourceScreen(Screen):
    """The doors make the rows; people say what they expect, and of which they want to hear."""

    purpose = "每个来源送来的数据：最近一条、一周的节律、读不懂的比例；安静了、少得多、读不懂时成为一条告警，恢复后自己关闭。"
    when_empty = "还没有数据进来过：接上接收器、syslog、消息流或定时拉取，几分钟内出现在这里；满一周后知道它平时的节律。"
    way = ("secops_agent.syslogsource", "Syslog 来源")
    list_display = ("name", "door", "state", "last", "week", "usual", "unreadable")
    ordering = ("-trouble", "door", "name")
    list_filter = ("trouble", "door", "watched")
    search_fields = ("name",)
    fields = ("name", "door", "state", "detail", "last", "week", "usual", "unreadable", "floor", "watched")
    readonly_fields = ("name", "door", "state", "detail", "last", "week", "usual", "unreadable")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They come by themselves."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[DataSource]:
        """With the hours of a week."""
        hours = SourceHour.objects.filter(hour__gt=timezone.now() - WEEK)
        found: QuerySet[DataSource] = super().get_queryset(request)
        return found.prefetch_related(Prefetch("hours", hours, to_attr="of_week"))

    @admin.display(description="状态", ordering="trouble")
    def state(self, row: DataSource) -> SafeString:
        """Coloured; what is wrong in words."""
        if not row.watched:
            return badge("不留意", "idle")
        told = badge(row.get_trouble_display(), TONES[row.trouble])
        return format_html("{}<br>{}", told, row.detail.removeprefix("的")) if row.trouble else told

    @admin.display(description="最近一条", ordering="last_seen")
    def last(self, row: DataSource) -> SafeString | str:
        """When something came last."""
        return (
            format_html("{}<br>{}", ago(row.last_seen), moment(row.last_seen)) if row.last_seen else NOTHING
        )

    @admin.display(description="一周")
    def week(self, row: Any) -> SafeString:
        """A line of bars, six hours each."""
        now, bars = timezone.now(), defaultdict[int, int](int)
        for each in row.of_week:
            bars[int((now - each.hour) / timedelta(hours=6))] += each.taken + each.unreadable
        most, wide = max(bars.values(), default=0) or 1, WIDTH / BARS
        path = "".join(
            f"M{WIDTH - (at + 1) * wide:.0f} {HEIGHT}v{-max(count / most * HEIGHT, 1):.1f}h{wide - 1:.0f}V{HEIGHT}z"
            for at, count in bars.items() if count and at < BARS
        )  # fmt: skip
        total = sum(bars.values())
        return format_html(
            '<svg class="bf-spark" width="{}" height="{}" viewBox="0 0 {} {}" role="img" aria-label="一周 {} 条">'
            '<path d="{}" fill="currentColor"/></svg>', WIDTH, HEIGHT, WIDTH, HEIGHT, f"{total:,}", path,
        )  # fmt: skip

    @admin.display(description="节律")
    def usual(self, row: Any) -> str:
        """What is expected, and what came."""
        if row.floor is not None:
            return f"设定：每天至少 {row.floor:,} 条"
        if timezone.now() - row.first_seen < WEEK:
            return "不满一周，还不知道"
        # What is wrong now is not what is usual.
        until, begun = row.trouble_at or timezone.now(), timezone.now() - WEEK
        if (days := (until - begun) / timedelta(days=1)) < 1:
            return "不正常已经一周"
        came = sum(each.taken + each.unreadable for each in row.of_week if each.hour < until)
        return f"平时每天约 {about(came / days)} 条"

    @admin.display(description="读不懂")
    def unreadable(self, row: Any) -> str:
        """Of a week."""
        broken = sum(each.unreadable for each in row.of_week)
        came = broken + sum(each.taken for each in row.of_week)
        return f"{broken / came:.1%}（{broken:,} 条）" if broken else "没有" if came else NOTHING
