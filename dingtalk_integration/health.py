"""Do the workers live, and are they connected? For ``/readyz``, ``/metrics`` and `check_dingtalk_stream`."""

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Q
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from bifang.channels.models import Worker
from bifang.core.db import database_now
from bifang.core.errors import ConfigError
from bifang.core.health import register_check
from bifang.core.metrics import register_metrics
from bifang.core.models import SystemConfig
from dingtalk_integration import api_usage
from dingtalk_integration.models import ClientState, ClientStatus

FRESH = timedelta(seconds=15)  # heartbeats are written every 5 to 7 s, client states every 2 s
COMMAND = "python manage.py start_dingtalk_stream"


def register_health() -> None:
    """Called once, when the application is ready."""
    register_check(
        "worker", "Stream 推送服务", check_workers, needs=("migrations",),
        remedy=f"有启用的钉钉配置，但没有正在运行的 Stream 推送服务：请启动 {COMMAND}，或查看它的日志。",
    )  # fmt: skip
    register_check(
        "dingtalk_quota", "钉钉接口用量", check_quota, needs=("migrations",),
        remedy="钉钉接口用量读不到：请在服务器上执行 python manage.py healthcheck 查看原因。",
    )  # fmt: skip
    register_metrics(collect_connections)


def pushed_configs() -> list[SystemConfig]:
    """The enabled configurations that want a Stream connection."""
    rows = SystemConfig.objects.enabled("dingtalk").only("pk", "name", "params")
    return [row for row in rows if row.params.get("use_stream_push", True)]


def live_workers(config_id: int) -> list[Worker]:
    """Workers with a fresh heartbeat that serve this configuration (all, or by ``--config-id``)."""
    alive = Worker.objects.filter(heartbeat_at__gte=database_now() - FRESH)
    return list(alive.filter(Q(scope="") | Q(scope=str(config_id))))


def live_states(config_id: int) -> list[ClientState]:
    """What workers said of this configuration's connection lately, the best first."""
    rows = list(ClientState.objects.filter(config_id=config_id, updated_at__gte=database_now() - FRESH))
    order = [
        ClientStatus.CONNECTED, ClientStatus.CONNECTING, ClientStatus.RETRYING, ClientStatus.PARKED, ClientStatus.STOPPED,
    ]  # fmt: skip
    return sorted(rows, key=lambda row: order.index(ClientStatus(row.status)))


def check_workers() -> str:
    """Each configuration that wants a connection has a live worker. Raises ConfigError."""
    wanted = pushed_configs()
    if not wanted:
        return "没有启用的钉钉配置，不需要运行"
    scopes = set(
        Worker.objects.filter(heartbeat_at__gte=database_now() - FRESH).values_list("scope", flat=True)
    )
    alone = [] if "" in scopes else [row for row in wanted if str(row.pk) not in scopes]
    if alone:
        named = "、".join(f"「{row.name}」（ID {row.pk}）" for row in alone[:3]) + (
            "等" if len(alone) > 3 else ""
        )
        raise ConfigError(
            f"没有正在运行的 Stream 推送服务负责 {named}（15 秒内没有心跳）：请启动 {COMMAND}，或查看它的日志。"
        )
    return "心跳正常"


def check_quota() -> str:
    """This month's calls. Scarcity is told, not failed: no other machine could do better."""
    return "；".join(one.describe() for one in api_usage.spent()) or "本月还没有调用"


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
    fresh: dict[int, list[ClientState]] = {}
    for state in ClientState.objects.filter(updated_at__gte=database_now() - FRESH):
        fresh.setdefault(state.config_id, []).append(state)
    for row in pushed_configs():
        states = fresh.get(row.pk, [])
        open_now = any(state.status == ClientStatus.CONNECTED for state in states)
        connected.add_metric([str(row.pk)], float(open_now))
        received.add_metric([str(row.pk)], sum(state.messages_received for state in states))
    yield from (connected, received)
