"""What the pages show of a channel's configuration: how its connection is, what is known of it, how it is tried."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, Subquery
from django.utils import timezone
from django.utils.html import format_html
from django.utils.timesince import timesince

from bifang.channels.checks import machine
from bifang.channels.checks.diagnosis import Examination
from bifang.channels.models import ClientState, ClientStatus, InboxRow, Outage
from bifang.channels.workers.connection_health import BEST_FIRST, WorkerService, states_of
from bifang.core.admin.base import moment, shortened, since
from bifang.core.admin.kind_pages import Fact, Live
from bifang.core.admin.trying import Checkup, Part
from bifang.core.models import SystemConfig

TONES = {
    ClientStatus.CONNECTED: "ok",
    ClientStatus.CONNECTING: "info",
    ClientStatus.RETRYING: "warn",
    ClientStatus.PARKED: "bad",
    ClientStatus.STOPPED: "idle",
}
# An enabled configuration that wants no connection, whether a worker serves it, and its last error: how it is.
Unconnected = Callable[[SystemConfig, bool, tuple[str, datetime | None]], Live]


@dataclass(frozen=True, slots=True)
class Traces:
    """What the database knows of one configuration's connection: `live_states`, and when the last message came."""

    states: Sequence[ClientState]
    heard: datetime | None


def traces_of(config: SystemConfig) -> Traces:
    """Looked up once for a row, which lives for one request: state, facts and steps of its page ask one after another."""
    known: Traces | None = config.__dict__.get("_bifang_traces")
    return known or _look([config])[config.pk]


def _look(configs: Sequence[SystemConfig]) -> dict[int, Traces]:
    """Of several, in two queries."""
    ids = [config.pk for config in configs]
    states, heard = states_of(ids), last_messages(ids)
    found = {pk: Traces(states.get(pk, []), heard.get(pk)) for pk in ids}
    for config in configs:
        config.__dict__["_bifang_traces"] = found[config.pk]
    return found


def watch(
    service: WorkerService, configs: Sequence[SystemConfig], unconnected: Unconnected
) -> dict[int, Live]:
    """The live state of each configuration: what its workers said within `FRESH` and since it was saved."""
    traces = _look(configs)
    rows = {
        config.pk: [row for row in traces[config.pk].states if row.updated_at >= config.updated_at]
        for config in configs
    }
    scopes = set() if all(rows.values()) else service.scopes()
    found = {}
    for config in configs:
        heard = traces[config.pk].heard
        if rows[config.pk]:
            found[config.pk] = _live(service, rows[config.pk], heard)
        elif config.enabled and not service.wants_connection(config):
            served = bool(scopes & {"", str(config.pk)})
            found[config.pk] = unconnected(config, served, (config.last_error, config.last_error_at))
        else:
            found[config.pk] = _without_state(service, config, scopes, heard)
    return found


def last_messages(pks: Iterable[int]) -> Mapping[int, datetime | None]:
    """When the newest thing came to each; a look into an index each."""
    newest = InboxRow.objects.filter(config=OuterRef("pk"), kind="chat").order_by("-pk").values("received_at")
    rows = SystemConfig.objects.filter(pk__in=list(pks)).annotate(heard=Subquery(newest[:1]))
    return dict(rows.values_list("pk", "heard"))


def _live(service: WorkerService, rows: list[ClientState], heard: datetime | None) -> Live:
    # Several processes may serve one configuration: the best state is the configuration's.
    best = min(rows, key=lambda row: BEST_FIRST.index(ClientStatus(row.status)))
    # What a connection met before it was there is over.
    broken = max(
        (row for row in rows if row.last_error_at and row.status != ClientStatus.CONNECTED),
        key=lambda row: str(row.last_error_at),
        default=None,
    )
    return Live(
        text=_say(best),
        tone=TONES[ClientStatus(best.status)],
        detail=_detail(service, best, rows, heard),
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


def _without_state(
    service: WorkerService, config: SystemConfig, scopes: set[str], heard: datetime | None
) -> Live:
    if not config.enabled:
        return Live("未启用", "idle", "打开「启用」并保存后连接")
    known = (config.last_error, config.last_error_at)
    if scopes & {"", str(config.pk)}:
        return Live("正在连接", "info", "推送服务在运行，几秒内建立连接", *known)
    return Live("服务未运行", "bad", " · ".join([f"请启动 {service.command}", *_heard(heard)]), *known)


def _heard(at: datetime | None) -> list[str]:
    return [f"最近消息 {since(at)}"] if at else []


def _detail(
    service: WorkerService, best: ClientState, rows: list[ClientState], heard: datetime | None
) -> str:
    parts = []
    if best.status == ClientStatus.PARKED:
        parts.append(f"请核对 {service.credentials} 后保存，保存即重试")
    if best.status in (ClientStatus.RETRYING, ClientStatus.PARKED) and best.retry_at:
        parts.append(f"下次 {timezone.localtime(best.retry_at):%H:%M:%S}")
    if best.status == ClientStatus.CONNECTED:
        parts.append(f"收到 {sum(row.messages_received for row in rows)} 条")
        parts += _heard(heard) or ["还没有收到过消息"]
        parts += [f"心跳往返 {best.round_trip_ms or 0} 毫秒"] if best.answered_at else []
    else:
        parts += _heard(heard)
    if len(rows) > 1:
        parts.append(f"{len(rows)} 个进程")
    return " · ".join(parts)


def message_facts(config: SystemConfig) -> Sequence[Fact]:
    """Last message, last error, and whether administrators know that it is down."""
    heard = traces_of(config).heard
    said = format_html("{}（{}）", moment(heard), since(heard)) if heard else "还没有收到过"
    return [("最近消息", said), *_past_error(config), *_outage(config)]


def _outage(config: SystemConfig) -> Sequence[Fact]:
    row = Outage.objects.filter(config=config, since__isnull=False).first()
    if row is None or not (row.known or row.problem):
        return []
    told = row.problem or format_html("已告知，{}", moment(row.told_at))
    return [("告知管理员", told)]


def _past_error(config: SystemConfig) -> Sequence[Fact]:
    """What a connection that is there met before: one that breaks every hour is no good one. One that is not there
    says itself what stands in its way.
    """
    if not any(row.status == ClientStatus.CONNECTED for row in traces_of(config).states):
        return []
    rows = ClientState.objects.filter(config=config).exclude(last_error="").exclude(last_error_at=None)
    row = rows.order_by("-last_error_at").first()
    if row is None:
        return [("最近错误", "没有")]
    return [
        ("上次错误（已恢复）", format_html("{} {}", shortened(row.last_error, 80), moment(row.last_error_at)))
    ]


def checkup(examination: Examination) -> Checkup:
    """What the check command checks: the configuration, then the machine that serves this page."""

    def parts() -> Sequence[Part]:
        return [("这个配置", examination.steps()), ("这台服务器", machine.STEPS)]

    note = f"与 python manage.py {examination.service.check} 相同的检查，不影响正在运行的服务。"
    return Checkup(examination.trial, parts, note)
