"""Do the workers live, and are they connected? For ``/readyz``, ``/metrics`` and `check_dingtalk_stream`."""

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Q, QuerySet
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from bifang.channels.models import ClientState, ClientStatus, Worker
from bifang.core.db import database_now
from bifang.core.errors import ConfigError
from bifang.core.health import register_check
from bifang.core.metrics import register_metrics
from bifang.core.models import SystemConfig
from dingtalk_integration import quota
from dingtalk_integration.models import Purpose
from secops_agent.services.notifications import digests

FRESH = timedelta(
    seconds=15
)  # also the time that an ordinary reconnection has; heartbeats are written every 5 to 7 s, client states every 2 s
MUTE = timedelta(seconds=60)  # pings go out every 10 s and are waited for 10 s
WAITS_FOR_CALLS = "未使用流式推送，正在等待钉钉回调（如需 Stream，请开启）"
COMMAND = "python manage.py start_dingtalk_stream"


def register_health() -> None:
    """Called once, when the application is ready."""
    register_check(
        "worker", "Stream 推送服务", check_workers, needs=("migrations",),
        remedy=f"有启用的钉钉配置，但没有正在运行的 Stream 推送服务：请启动 {COMMAND}，或查看它的日志。",
    )  # fmt: skip
    register_check(
        "connection", "钉钉连接", check_connections, needs=("worker",),
        remedy="有启用的钉钉配置没有连上钉钉：请看「系统配置」里它的状态，或执行 python manage.py check_dingtalk_stream。",
    )  # fmt: skip
    register_check(
        "dingtalk_quota", "钉钉接口用量", check_quota, needs=("migrations",),
        remedy="钉钉接口用量读不到：请在服务器上执行 python manage.py healthcheck 查看原因。",
    )  # fmt: skip
    register_metrics(collect_connections)
    register_metrics(collect_quotas)


def pushed_configs() -> list[SystemConfig]:
    """The enabled configurations that want a Stream connection."""
    rows = SystemConfig.objects.enabled("dingtalk").only("pk", "name", "params", "updated_at")
    return [row for row in rows if row.params.get("use_stream_push", True)]


def live_workers(config_id: int) -> list[Worker]:
    """Workers with a fresh heartbeat that serve this configuration (all, or by ``--config-id``)."""
    return list(_alive().filter(Q(scope="") | Q(scope=str(config_id))))


def live_states(config_id: int) -> list[ClientState]:
    """What workers said of this configuration's connection lately, the best first."""
    return _fresh_states(config_id=config_id).get(config_id, [])


def _fresh_states(**which: int) -> dict[int, list[ClientState]]:
    """What workers said lately, by configuration, the best first."""
    order = [
        ClientStatus.CONNECTED, ClientStatus.CONNECTING, ClientStatus.RETRYING, ClientStatus.PARKED, ClientStatus.STOPPED,
    ]  # fmt: skip
    found: dict[int, list[ClientState]] = {}
    rows = ClientState.objects.filter(updated_at__gte=database_now() - FRESH, **which)
    for row in sorted(rows, key=lambda row: order.index(ClientStatus(row.status))):
        found.setdefault(row.config_id, []).append(row)
    return found


def live_scopes() -> set[str]:
    """The configuration ids that live workers are restricted to; "" for one that serves all."""
    return set(_alive().values_list("scope", flat=True))


def _alive() -> QuerySet[Worker]:
    return Worker.objects.filter(heartbeat_at__gte=database_now() - FRESH, kind__in=("", "dingtalk"))


def check_workers() -> str:
    """Each configuration that wants a connection has a live worker. Raises ConfigError."""
    wanted = list(SystemConfig.objects.enabled("dingtalk").only("pk", "name"))  # answers, too, need one
    if not wanted:
        return "没有启用的钉钉配置，不需要运行"
    scopes = live_scopes()
    alone = [] if "" in scopes else [row for row in wanted if str(row.pk) not in scopes]
    if alone:
        named = "、".join(f"「{row.name}」（ID {row.pk}）" for row in alone[:3]) + (
            "等" if len(alone) > 3 else ""
        )
        raise ConfigError(
            f"没有正在运行的 Stream 推送服务负责 {named}（15 秒内没有心跳）：请启动 {COMMAND}，或查看它的日志。"
        )
    return "心跳正常"


def check_connections() -> str:
    """Each configuration that wants a connection has one, or is just (re)connecting. Raises ConfigError."""
    wanted, states = pushed_configs(), _fresh_states()
    told = [(row, _describe_trouble(row, states.get(row.pk, []))) for row in wanted]
    dead = [f"「{row.name}」（ID {row.pk}）{trouble}" for row, trouble in told if trouble]
    if dead:
        raise ConfigError(f"没有连上钉钉：{'；'.join(dead[:3])}{'；等' if len(dead) > 3 else ''}")
    if not wanted:
        return "没有使用流式推送的钉钉配置，不需要连接"
    echoes = [f"「{row.name}」{describe_echo(states[row.pk][0])}" for row in wanted if states.get(row.pk)]
    return "已连接" + (f"：{'；'.join(echoes[:3])}" if echoes else "")


def _describe_trouble(row: SystemConfig, states: list[ClientState]) -> str:
    """Why this configuration has no connection; "" if it has one, or has lacked it for a moment only."""
    lately = database_now() - FRESH
    if not states:
        served_since = max([row.updated_at, *(worker.started_at for worker in live_workers(row.pk))])
        return "" if served_since > lately else "没有连接的消息，请查看 Stream 推送服务的日志"
    best = states[0]
    if best.status == ClientStatus.CONNECTED:
        return ""
    if best.status in (ClientStatus.CONNECTING, ClientStatus.RETRYING) and best.since > lately:
        return ""
    return f"{best.get_status_display()}：{best.last_error}"


def describe_echo(state: ClientState) -> str:
    """The loop-back check of a connection: a ping to the gateway and back, which no quota counts."""
    if state.answered_at is None:
        return "还没有心跳应答"
    seconds = max((database_now() - state.answered_at).total_seconds(), 0)
    return f"{seconds:.0f} 秒前有心跳应答，往返 {state.round_trip_ms or 0} 毫秒"


def is_mute(state: ClientState) -> bool:
    """Said to be connected, but the gateway has not answered for long."""
    return state.answered_at is not None and database_now() - state.answered_at > MUTE


def check_quota() -> str:
    """This month's calls. Scarcity is told, not failed: no other machine could do better."""
    found = [one.describe() for one in quota.standings() if one.total or one.refused_at]
    return "；".join(found) or "本月还没有调用"


def collect_connections() -> Iterable[Metric]:
    """Connected or not, and frames received, for each configuration that wants a connection."""
    connected = GaugeMetricFamily(
        "bifang_stream_connected",
        "1 if a worker holds an open Stream connection for this configuration (its ID), else 0.",
        labels=["config"],
    )
    received = CounterMetricFamily(
        "bifang_stream_messages_received",
        "Messages, events and card clicks received since the workers of this configuration were started.",
        labels=["config"],
    )
    echo = GaugeMetricFamily(
        "bifang_stream_round_trip_seconds",
        "How long the last ping to the gateway and back took, in the best connection.",
        labels=["config"],
    )
    fresh = _fresh_states()
    for row in pushed_configs():
        states = fresh.get(row.pk, [])
        if states and states[0].round_trip_ms is not None:
            echo.add_metric([str(row.pk)], states[0].round_trip_ms / 1000)
        open_now = any(state.status == ClientStatus.CONNECTED for state in states)
        connected.add_metric([str(row.pk)], float(open_now))
        received.add_metric([str(row.pk)], sum(state.messages_received for state in states))
    yield from (connected, received, echo)


def collect_quotas() -> Iterable[Metric]:
    """How far the quotas of each organisation are used, and what was held back because of it."""
    used = GaugeMetricFamily(
        "bifang_dingtalk_quota_used",
        "Used of a monthly quota, by purpose.",
        labels=["corp", "ledger", "purpose"],
    )
    limit = GaugeMetricFamily(
        "bifang_dingtalk_quota_limit", "The monthly quota; 0 without a limit.", labels=["corp", "ledger"]
    )
    percent = GaugeMetricFamily(
        "bifang_dingtalk_quota_percent",
        "Per cent of the monthly quota that are used; 100 when DingTalk refuses.",
        labels=["corp", "ledger"],
    )
    for one in quota.standings():
        limit.add_metric([one.corp_id, one.ledger], one.limit)
        percent.add_metric([one.corp_id, one.ledger], one.percent)
        for purpose in Purpose:
            used.add_metric([one.corp_id, one.ledger, purpose], one.used.get(purpose, 0))
    held = GaugeMetricFamily(
        "bifang_notifications_held", "Messages about alerts that wait for a digest because of the quota.",
        value=digests.waiting(),
    )  # fmt: skip
    yield from (used, limit, percent, held)
