"""What the pages show of a DingTalk configuration: how it is, what is known of it, how it is tried, what comes next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from django.db.models import OuterRef, Subquery, Sum
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from bifang.channels.models import ClientState, ClientStatus, InboxRow
from bifang.core.admin.base import moment, shortened
from bifang.core.admin.guiding import Fact, register_facts
from bifang.core.admin.live import Live, register_watch
from bifang.core.admin.trying import Checkup, Part, register_checkup
from bifang.core.models import SystemConfig
from dingtalk_integration import quota
from dingtalk_integration.checks import local
from dingtalk_integration.checks.configuration import DingTalkTrial
from dingtalk_integration.checks.diagnosis import every_step
from dingtalk_integration.health import COMMAND, FRESH, WAITS_FOR_CALLS, live_scopes, live_states
from dingtalk_integration.models import ApiUsage, CallbackState, QuotaLedger
from dingtalk_integration.webhook.page import callback_facts

TONES = {
    ClientStatus.CONNECTED: "ok",
    ClientStatus.CONNECTING: "info",
    ClientStatus.RETRYING: "warn",
    ClientStatus.PARKED: "bad",
    ClientStatus.STOPPED: "idle",
}
# Several processes may serve one configuration: the best state is the configuration's.
BEST_FIRST = tuple(TONES)


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
    spent, heard = (quota.used_up(), _last_messages(saved)) if configs else ({}, {})
    return {
        config.pk: _with_quota(
            _live(rows[config.pk], heard[config.pk])
            if config.pk in rows
            else _without_state(config, scopes, heard[config.pk]),
            spent.get(config.pk),
        )
        for config in configs
    }


def _last_messages(pks: Iterable[int]) -> Mapping[int, datetime | None]:
    """When the newest thing came to each; a look into an index each."""
    newest = InboxRow.objects.filter(config=OuterRef("pk"), kind="chat").order_by("-pk").values("received_at")
    rows = SystemConfig.objects.filter(pk__in=list(pks)).annotate(heard=Subquery(newest[:1]))
    return dict(rows.values_list("pk", "heard"))


def _with_quota(live: Live, spent: quota.Standing | None) -> Live:
    """A quota that is used up stands in the way of what works otherwise."""
    if spent is None or live.error:
        return live
    return replace(live, error=spent.describe(), error_at=spent.refused_at)


def _live(rows: list[ClientState], heard: datetime | None) -> Live:
    best = min(rows, key=lambda row: BEST_FIRST.index(ClientStatus(row.status)))
    status = ClientStatus(best.status)
    # What a connection met before it was there is over.
    broken = max(
        (row for row in rows if row.last_error_at and row.status != ClientStatus.CONNECTED),
        key=lambda row: str(row.last_error_at),
        default=None,
    )
    return Live(
        text=_say(best),
        tone=TONES[status],
        detail=_detail(best, rows, heard),
        error=broken.last_error if broken else "",
        error_at=broken.last_error_at if broken else None,
    )


def _say(row: ClientState) -> str:
    """正在连接, 已连接 3 小时, 重试中（第 2 次）, 凭证错误."""
    if row.status == ClientStatus.CONNECTED and (timezone.now() - row.since).total_seconds() >= 60:
        return f"已连接 {timesince(row.since, depth=1)}"
    if row.status == ClientStatus.RETRYING and row.attempts:
        return f"重试中（第 {row.attempts} 次）"
    return str(ClientStatus(row.status).label)


def _without_state(config: SystemConfig, scopes: set[str], heard: datetime | None) -> Live:
    if not config.enabled:
        return Live("未启用", "idle", "打开「启用」并保存后连接")
    known = (config.last_error, config.last_error_at)
    if not config.params.get("use_stream_push", True):
        return _by_callback(config, scopes, known)
    if scopes & {"", str(config.pk)}:
        return Live("正在连接", "info", "推送服务在运行，几秒内建立连接", *known)
    return Live("服务未运行", "bad", " · ".join([f"请启动 {COMMAND}", *_heard(heard)]), *known)


def _by_callback(config: SystemConfig, scopes: set[str], known: tuple[str, datetime | None]) -> Live:
    """Of a configuration that DingTalk calls: whether it did, and whether somebody answers."""
    if not scopes & {"", str(config.pk)}:
        return Live("服务未运行", "bad", f"{WAITS_FOR_CALLS}；请启动 {COMMAND}，由它回答", *known)
    rows = list(CallbackState.objects.filter(config=config))
    refused = max((row for row in rows if row.refused_at), key=lambda row: str(row.refused_at), default=None)
    called = max((row.called_at for row in rows if row.called_at), default=None)
    if refused is not None and refused.refused_at and (called is None or refused.refused_at > called):
        known = (f"拒绝了一次回调（{refused.get_door_display()}）：{refused.refusal}", refused.refused_at)
    if called is None:
        return Live("等待钉钉回调", "info", WAITS_FOR_CALLS, *known)
    return Live("HTTP 回调", "ok", f"最近回调 {timesince(called, depth=1)}前", *known)


def _heard(at: datetime | None) -> list[str]:
    return [f"最近消息 {timesince(at, depth=1)}前"] if at else []


def _detail(best: ClientState, rows: list[ClientState], heard: datetime | None) -> str:
    parts = []
    if best.status in (ClientStatus.RETRYING, ClientStatus.PARKED):
        mend = (
            "请核对 Client ID 和 Client Secret 后保存，保存即重试"
            if best.status == ClientStatus.PARKED
            else ""
        )
        again = f"下次 {timezone.localtime(best.retry_at):%H:%M:%S}" if best.retry_at else ""
        parts += [part for part in (mend, again) if part]
    if best.status == ClientStatus.CONNECTED:
        parts.append(f"收到 {sum(row.messages_received for row in rows)} 条")
        parts += _heard(heard) or ["还没有收到过消息"]
        parts += [f"心跳往返 {best.round_trip_ms or 0} 毫秒"] if best.answered_at else []
    else:
        parts += _heard(heard)
    if len(rows) > 1:
        parts.append(f"{len(rows)} 个进程")
    return " · ".join(parts)


def facts(request: HttpRequest, config: SystemConfig) -> Sequence[Fact]:
    """Last message, last error, what was spent this month."""
    heard = _last_messages([config.pk])[config.pk]
    return [
        ("最近消息", _ago(heard) if heard else "还没有收到过"),
        *_past_error(config),
        *callback_facts(request, config),
        ("本月额度", _spending(config) or "还没有用到"),
    ]


def _ago(at: datetime) -> SafeString:
    return format_html("{}（{}前）", moment(at), timesince(at, depth=1))


def _past_error(config: SystemConfig) -> Sequence[Fact]:
    """What a connection that is there met before: one that breaks every hour is no good one. One that is not there
    says itself what stands in its way.
    """
    if not any(row.status == ClientStatus.CONNECTED for row in live_states(config.pk)):
        return []
    rows = ClientState.objects.filter(config=config).exclude(last_error="").exclude(last_error_at=None)
    row = rows.order_by("-last_error_at").first()
    if row is None:
        return [("最近错误", "没有")]
    return [
        ("上次错误（已恢复）", format_html("{} {}", shortened(row.last_error, 80), moment(row.last_error_at)))
    ]


def _spending(config: SystemConfig) -> SafeString | str:
    """Both quotas of its organisation, and this configuration's share."""
    lines = []
    for one in quota.standings():
        if config.pk in one.config_ids and (one.total or one.refused_at):
            own = _own(config.client_id, one)
            limit = f" / {one.limit:,}（{one.percent}%）" if one.limit else ""
            share = "" if own == one.total else f"，其中这个配置 {own:,}"
            lines.append((f"{one.ledger.label} {one.total:,}{limit}{share}",))
    return format_html_join("；", "{}", lines)


def _own(client_id: str, one: quota.Standing) -> int:
    rows = ApiUsage.objects.filter(client_id=client_id, day__gte=one.month.first).order_by()
    spent = rows.values_list("family").annotate(calls=Sum("calls"))
    return sum(calls for family, calls in spent if QuotaLedger.of(family) == one.ledger)


def parts() -> Sequence[Part]:
    """What `check_dingtalk_stream` checks: the machine that serves this page, then the configuration."""
    machine = tuple(step for step in local.STEPS if step.name != "configs")
    return [("这个配置", every_step()), ("这台服务器", machine)]


register_watch("dingtalk", watch)
register_facts("dingtalk", facts)
register_checkup(
    "dingtalk",
    Checkup(
        DingTalkTrial, parts, "与 python manage.py check_dingtalk_stream 相同的检查，不影响正在运行的服务。"
    ),
)
