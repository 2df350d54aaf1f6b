"""连接状态, AI 卡片, the face of the kind ``dingtalk``, and the first steps towards a robot that answers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from bifang.core.admin.base import NOTHING, RecordScreen, ago, badge, moment, shortened
from bifang.core.admin.dashboard import config_step
from bifang.core.admin.live import Live, register_watch
from bifang.core.admin.panels import Panel, Step, register_cards, register_steps
from bifang.core.groups import AUDITOR, OPERATOR, grant
from bifang.core.models import SystemConfig
from bifang.core.rights import allow
from dingtalk_integration.health import COMMAND, FRESH, live_scopes
from dingtalk_integration.models import Card as AiCard
from dingtalk_integration.models import CardState, ClientState, ClientStatus
from dingtalk_integration.quota import Standing, used_up
from dingtalk_integration.usage_admin import ApiUsageScreen

TONES = {
    ClientStatus.CONNECTED: "ok",
    ClientStatus.CONNECTING: "info",
    ClientStatus.RETRYING: "warn",
    ClientStatus.PARKED: "bad",
    ClientStatus.STOPPED: "idle",
}
CARD_TONES = {
    CardState.OPEN: "info", CardState.FINISHED: "ok", CardState.GIVEN_UP: "warn", CardState.FAILED: "bad",
}  # fmt: skip
# Several processes may serve one configuration: the best state is the configuration's.
BEST_FIRST = tuple(TONES)

grant(OPERATOR, "dingtalk_integration.view_*")
grant(AUDITOR, "dingtalk_integration.view_*")
allow("admin", "dingtalk_integration.*")


def watch(configs: Sequence[SystemConfig]) -> Mapping[int, Live]:
    """The live state of each configuration: what its workers said within `FRESH` and since it was saved."""
    saved = {config.pk: config.updated_at for config in configs}
    rows: dict[int, list[ClientState]] = {}
    fresh = ClientState.objects.filter(
        config_id__in=[config.pk for config in configs], updated_at__gte=timezone.now() - FRESH
    )
    for row in fresh:
        if row.updated_at >= saved[row.config_id]:
            rows.setdefault(row.config_id, []).append(row)
    scopes = live_scopes() if len(rows) < len(configs) else set()
    spent = used_up() if configs else {}
    return {
        config.pk: _with_quota(
            _live(rows[config.pk]) if config.pk in rows else _without_state(config, scopes),
            spent.get(config.pk),
        )
        for config in configs
    }


def _with_quota(live: Live, spent: Standing | None) -> Live:
    """A quota that is used up stands in the way of what works otherwise."""
    if spent is None or live.error:
        return live
    return replace(live, error=spent.describe(), error_at=spent.refused_at)


def _live(rows: list[ClientState]) -> Live:
    best = min(rows, key=lambda row: BEST_FIRST.index(ClientStatus(row.status)))
    status = ClientStatus(best.status)
    # What a connection met before it was there is over.
    broken = max(
        (row for row in rows if row.last_error_at and row.status != ClientStatus.CONNECTED),
        key=lambda row: str(row.last_error_at),
        default=None,
    )
    return Live(
        text=str(status.label),
        tone=TONES[status],
        detail=_detail(best, rows),
        error=broken.last_error if broken else "",
        error_at=broken.last_error_at if broken else None,
    )


def _without_state(config: SystemConfig, scopes: set[str]) -> Live:
    if not config.enabled:
        return Live("已停用", "idle")
    if not config.params.get("use_stream_push", True):
        return Live("未开启流式推送", "warn", "请打开「使用流式推送」")
    known = (config.last_error, config.last_error_at)
    if scopes & {"", str(config.pk)}:
        return Live("正在连接", "info", "推送服务在运行，几秒内建立连接", *known)
    return Live("未运行", "bad", f"请启动 {COMMAND}", *known)


def _detail(best: ClientState, rows: list[ClientState]) -> str:
    parts = [f"已持续 {timesince(best.since, depth=1)}"]
    if best.last_frame_at:
        parts.append(f"最近一帧 {timezone.localtime(best.last_frame_at):%H:%M:%S}")
    if best.answered_at:
        parts.append(
            f"心跳往返 {best.round_trip_ms or 0} 毫秒（{timezone.localtime(best.answered_at):%H:%M:%S}）"
        )
    parts.append(f"收到 {sum(row.messages_received for row in rows)} 条")
    if len(rows) > 1:
        parts.append(f"{len(rows)} 个进程")
    return " · ".join(parts)


register_watch("dingtalk", watch)


@admin.register(ClientState)
class ClientStateScreen(RecordScreen):
    """Every connection of every worker process."""

    purpose = "每个工作进程到钉钉的每条长连接。「最近一帧」和「心跳往返」说明它现在通不通；连不上时右边写着原因和办法。"
    when_empty = "还没有进程连接过钉钉。先添加并启用一个钉钉配置，再在服务器上执行 python manage.py start_dingtalk_stream。"
    way = ("core.systemconfig", "系统配置")
    list_display = ("config", "state", "owner", "echo", "last_frame", "messages_received", "error")
    list_select_related = ("config",)
    list_filter = ("status", "config")
    search_fields = ("config__name", "owner")
    ordering = ("config_id", "owner")
    fields = (
        "config", "state", "owner", "in_state", "echo", "last_frame_at", "messages_received", "connections", "last_error", "failed", "seen",
    )  # fmt: skip

    @admin.display(description="状态", ordering="status")
    def state(self, row: ClientState) -> SafeString:
        """As the worker last said, unless it has been silent."""
        if row.updated_at < timezone.now() - FRESH:
            return badge("未运行", "idle", f"最后的状态：{row.get_status_display()}")
        status = ClientStatus(row.status)
        return badge(str(status.label), TONES[status], f"已持续 {timesince(row.since, depth=1)}")

    @admin.display(description="状态开始时间", ordering="since")
    def in_state(self, row: ClientState) -> SafeString | str:
        """Since when."""
        return moment(row.since)

    @admin.display(description="心跳往返", ordering="answered_at")
    def echo(self, row: ClientState) -> SafeString | str:
        """The loop-back check: how long, and when."""
        if row.answered_at is None:
            return moment(None)
        return format_html("{} 毫秒 · {}", row.round_trip_ms or 0, ago(row.answered_at))

    @admin.display(description="最近一帧", ordering="last_frame_at")
    def last_frame(self, row: ClientState) -> SafeString | str:
        """The last frame read."""
        return ago(row.last_frame_at)

    @admin.display(description="最近错误")
    def error(self, row: ClientState) -> SafeString | str:
        """Short, whole when pointed at."""
        return shortened(row.last_error, 40)

    @admin.display(description="最近错误时间")
    def failed(self, row: ClientState) -> SafeString | str:
        """When the last error came."""
        return moment(row.last_error_at)

    @admin.display(description="更新时间", ordering="updated_at")
    def seen(self, row: ClientState) -> SafeString | str:
        """The worker's last word."""
        return moment(row.updated_at)


@admin.register(AiCard)
class CardScreen(RecordScreen):
    """AI 卡片: every card that was sent, and where it stands. Retention drops them."""

    list_display = ("id", "created", "state_badge", "config", "who", "shown", "error", "updated")
    list_select_related = ("config",)
    list_filter = ("state", "config", "is_group", "created_at")
    search_fields = ("=out_track_id", "=conversation_id", "=staff_id")
    search_help_text = "按卡片 ID、会话 ID 或员工 ID 搜索（完整匹配）"
    ordering = ("-id",)
    fields = (
        "out_track_id", "state_badge", "config", "message", "conversation_id", "staff_id", "is_group", "shown", "part_key",
        "last_error", "created", "updated",
    )  # fmt: skip

    @admin.display(description="状态", ordering="state")
    def state_badge(self, row: AiCard) -> SafeString:
        """Coloured."""
        state = CardState(row.state)
        return badge(str(state.label), CARD_TONES[state], row.last_error)

    @admin.display(description="接收人")
    def who(self, row: AiCard) -> str:
        """A person, or the group in which one asked."""
        return " · ".join(part for part in (row.staff_id, "群聊" if row.is_group else "") if part) or NOTHING

    @admin.display(description="来自")
    def message(self, row: AiCard) -> SafeString | str:
        """The message that it answers, linked."""
        if row.inbox_id is None:
            return NOTHING
        page = reverse("admin:channels_inboxrow_change", args=[row.inbox_id])
        return format_html('<a class="bf-link" href="{}">收件箱 #{}</a>', page, row.inbox_id)

    @admin.display(description="最近错误")
    def error(self, row: AiCard) -> SafeString | str:
        """Short, whole when pointed at."""
        return shortened(row.last_error, 40)

    @admin.display(description="创建时间", ordering="id")
    def created(self, row: AiCard) -> SafeString | str:
        """When it was begun."""
        return moment(row.created_at)

    @admin.display(description="更新时间")
    def updated(self, row: AiCard) -> SafeString | str:
        """Its last change."""
        return moment(row.updated_at)


def _enabled() -> list[SystemConfig]:
    return list(SystemConfig.objects.enabled("dingtalk"))


def connection_cards(request: HttpRequest) -> Iterable[Panel]:
    """How many of the enabled configurations are connected."""
    if not request.user.has_perm("core.view_systemconfig"):
        return []
    states = watch(_enabled())
    good = sum(live.tone == "ok" for live in states.values())
    tone = "idle" if not states else "ok" if good == len(states) else "bad" if good == 0 else "warn"
    note = "还没有启用的钉钉配置" if not states else "全部已连接" if good == len(states) else "有配置没有连上"
    page = reverse("admin:core_systemconfig_changelist")
    return [Panel("钉钉连接", f"{good} / {len(states)}", note, tone, "hub", page)]


def first_steps(request: HttpRequest) -> Iterable[Step]:
    """Configuration, then the worker."""
    text = "填写钉钉开放平台应用的 Client ID 和 Client Secret，并打开「使用流式推送」。"
    running = ClientState.objects.filter(
        updated_at__gte=timezone.now() - FRESH, status=ClientStatus.CONNECTED
    ).exists()
    return [
        *config_step(request, "dingtalk", "添加钉钉配置", text),
        Step("启动 Stream 推送服务", "服务要一直运行，才能保持与钉钉的长连接。", running, command=COMMAND),
    ]


register_cards(10, connection_cards)
register_steps(10, first_steps)

__all__: Any = ["ApiUsageScreen", "CardScreen", "ClientStateScreen", "watch"]
