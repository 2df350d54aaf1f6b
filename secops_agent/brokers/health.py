"""Are messages taken? For ``/readyz``, ``healthcheck`` and ``/metrics``."""

from collections.abc import Iterable, Sequence
from typing import Final

from django.db.models import Count
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from bifang.channels.models import CONSUME
from bifang.channels.workers.programs import Program
from bifang.core.database.db import database_now
from bifang.core.errors import ConfigError
from bifang.core.models import SystemConfig
from secops_agent.brokers.config import KIND
from secops_agent.brokers.standing import FRESH, live_consumers
from secops_agent.models import BrokerConsumer, BrokerLetter, ConsumerStatus, LetterState

COMMAND: Final = "python manage.py consume_alerts"
REMEDY: Final = f"有启用的消息流，但没有取到消息：请启动 {COMMAND}，或在「系统配置」里看它的状态。"

PROGRAM: Final = Program(
    CONSUME, CONSUME, "取告警", COMMAND, lambda: SystemConfig.objects.enabled(KIND).exists(), checked=True
)


def check_consumers() -> str:
    """Each enabled configuration has a process that takes its messages, or is just reconnecting. Raises ConfigError."""
    wanted = list(SystemConfig.objects.enabled(KIND))
    if not wanted:
        return "没有启用的消息流，不需要运行"
    live = live_consumers(row.pk for row in wanted)
    told = [(row, _trouble(row, live.get(row.pk, ()))) for row in wanted]
    dead = [f"「{row.name}」（ID {row.pk}）{trouble}" for row, trouble in told if trouble]
    if dead:
        raise ConfigError(f"没有取到消息：{'；'.join(dead[:3])}{'；等' if len(dead) > 3 else ''}")
    return f"{len(wanted)} 个消息流已连接"


def _trouble(row: SystemConfig, consumers: Sequence[BrokerConsumer]) -> str:
    lately = database_now() - FRESH
    if not consumers:
        return "" if row.updated_at > lately else f"没有进程在取：请启动 {COMMAND}"
    best = consumers[0]
    new = best.status in (ConsumerStatus.CONNECTING, ConsumerStatus.RETRYING) and best.since > lately
    if best.status == ConsumerStatus.CONNECTED or new:
        return ""
    return f"{best.get_status_display()}：{best.last_error}"


def collect_consumers() -> Iterable[Metric]:
    """Connected, how far behind, and dead letters, of each enabled configuration."""
    connected = GaugeMetricFamily(
        "bifang_consumers_connected",
        "Processes that take messages of this configuration (its ID).",
        labels=["config"],
    )
    lag = GaugeMetricFamily(
        "bifang_consumer_lag", "Messages that wait in the broker, as far as it knows.", labels=["config"]
    )
    dead = GaugeMetricFamily("bifang_consumer_dead_letters", "Messages left to people.", labels=["config"])
    wanted = [row.pk for row in SystemConfig.objects.enabled(KIND)]
    live, letters = live_consumers(wanted), _letters(wanted)
    for pk in wanted:
        open_now = [row for row in live.get(pk, ()) if row.status == ConsumerStatus.CONNECTED]
        connected.add_metric([str(pk)], len(open_now))
        dead.add_metric([str(pk)], letters.get(pk, 0))
        if open_now and open_now[0].lag is not None:
            lag.add_metric([str(pk)], open_now[0].lag)
    yield from (connected, lag, dead)


def _letters(config_ids: Sequence[int]) -> dict[int, int]:
    rows = BrokerLetter.objects.filter(config_id__in=config_ids, state=LetterState.DEAD).order_by()
    return dict(rows.values_list("config_id").annotate(count=Count("pk")))
