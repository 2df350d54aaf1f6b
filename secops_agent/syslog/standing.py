"""How the listener is doing, as it writes it down and as people, monitors and the chat are told."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import F
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from bifang.channels.models import SYSLOG
from bifang.channels.workers import processes
from bifang.channels.workers.programs import Program
from bifang.core.database.db import database_clock, database_now
from bifang.core.errors import ConfigError
from bifang.core.processes import is_gone
from secops_agent.models import SyslogListener, SyslogSource, SyslogTraffic
from secops_agent.syslog.sources import SourceSettings, enabled_sources
from secops_agent.syslog.tallies import SourceTally

FRESH: Final = timedelta(seconds=20)  # heartbeats are written every 5 s
COMMAND: Final = "python manage.py listen_syslog"
PROGRAM: Final = Program(
    SYSLOG, SYSLOG, "Syslog 接收", COMMAND, lambda: bool(enabled_sources()), checked=True
)
_FORGET: Final = timedelta(days=1)
_DROPPED: Final = ("over_rate", "queue_full", "rejected")


@dataclass(frozen=True, slots=True)
class SyslogPulse:
    """What one process tells of itself; the counters since it was started."""

    owner: str
    places: Sequence[str]
    connections: int
    waiting: int
    unknown: int
    strangers: Mapping[str, int]
    refused: int
    broken: int
    kernel_drops: int


@dataclass(frozen=True, slots=True)
class SyslogStanding:
    """All together: enabled sources, live processes, lines a minute, what was dropped within the last hour."""

    sources: int
    listeners: int
    per_minute: int
    dropping: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Nothing that a person must look at."""
        return not self.sources or (bool(self.listeners) and not self.dropping)


def beat(pulse: SyslogPulse, tallies: Mapping[int, SourceTally]) -> list[SourceSettings]:
    """Write down a heartbeat with what was counted; returns the sources as they are now."""
    now = database_now()
    told = {
        "places": list(pulse.places), "heartbeat_at": now, "connections": pulse.connections, "waiting": pulse.waiting,
        "unknown": pulse.unknown, "strangers": dict(pulse.strangers), "refused": pulse.refused, "broken": pulse.broken,
        "kernel_drops": pulse.kernel_drops,
    }  # fmt: skip
    with transaction.atomic():
        processes.beat_as(SYSLOG)
        if not SyslogListener.objects.filter(pk=pulse.owner).update(**told):
            SyslogListener.objects.create(owner=pulse.owner, started_at=now, **told)
        _add(tallies, now)
    return enabled_sources()


def _add(tallies: Mapping[int, SourceTally], now: datetime) -> None:
    known = set(SyslogSource.objects.filter(pk__in=tallies).values_list("pk", flat=True))
    for source in tallies.keys() & known:
        tally = tallies[source]
        changes: dict[str, Any] = {name: F(name) + count for name, count in tally.counts.items()}
        moments = {"last_line_at": tally.last_line_at, "last_drop_at": tally.last_drop_at}
        changes |= {name: at for name, at in moments.items() if at}
        changes |= {"behind": tally.behind} if tally.behind is not None else {}
        changes |= {"per_minute": tally.per_minute, "updated_at": now}
        SyslogTraffic.objects.get_or_create(source_id=source, defaults={"updated_at": now})
        SyslogTraffic.objects.filter(pk=source).update(**changes)


def withdraw(owner: str) -> None:
    """The process ends in good order."""
    SyslogListener.objects.filter(pk=owner).delete()
    processes.withdraw()


def forget_dead() -> None:
    """Rows of processes that are known to be gone, or have not been heard of for a day."""
    SyslogListener.objects.filter(heartbeat_at__lt=database_now() - _FORGET).delete()
    gone = [owner for owner in SyslogListener.objects.values_list("pk", flat=True) if is_gone(owner)]
    SyslogListener.objects.filter(pk__in=gone).delete()


def read_standing() -> SyslogStanding:
    """Two small queries; one where nobody uses syslog."""
    sources = list(SyslogSource.objects.filter(enabled=True).select_related("traffic"))
    if not sources:
        return SyslogStanding(0, 0, 0, ())
    now = database_now()
    rows = [each.traffic for each in sources if hasattr(each, "traffic")]
    hour, late = now - timedelta(hours=1), now - timedelta(seconds=90)
    return SyslogStanding(
        sources=len(sources),
        listeners=SyslogListener.objects.filter(heartbeat_at__gte=now - FRESH).count(),
        per_minute=sum(row.per_minute for row in rows if row.updated_at >= late),
        dropping=tuple(str(row.source) for row in rows if row.last_drop_at and row.last_drop_at > hour),
    )


def check_listeners() -> str:
    """Where there is a source somebody listens. Raises ConfigError."""
    standing = read_standing()
    if not standing.sources:
        return "没有启用的 Syslog 来源，不需要运行"
    if not standing.listeners:
        raise ConfigError(
            f"有 {standing.sources} 个启用的 Syslog 来源，但没有正在运行的接收进程（{int(FRESH.total_seconds())} 秒内没有心跳）："
            f"请启动 {COMMAND}，或查看它的日志。"
        )
    told = f"心跳正常；每分钟 {standing.per_minute} 行"
    return told + (f"；近一小时丢弃过：{'、'.join(standing.dropping[:5])}" if standing.dropping else "")


def collect_syslog() -> Iterable[Metric]:
    """Lines and drops by source, and what belongs to no source."""
    lines = CounterMetricFamily("bifang_syslog_lines", "Syslog lines received, by source.", labels=["source"])
    dropped = CounterMetricFamily(
        "bifang_syslog_dropped", "Syslog lines dropped or rejected, by source and reason.", labels=["source", "reason"]
    )  # fmt: skip
    for row in SyslogTraffic.objects.select_related("source"):
        lines.add_metric([row.source.name], row.lines)
        for reason in _DROPPED:
            dropped.add_metric([row.source.name, reason], getattr(row, reason))
    yield from (lines, dropped)
    rows = SyslogListener.objects.filter(heartbeat_at__gte=database_clock() - FRESH)
    for name, text in (
        ("unknown", "Lines and connections of addresses that belong to no source."),
        ("kernel_drops", "Datagrams that the kernel dropped."),
        ("waiting", "Lines that wait for the database."),
    ):
        total = sum(rows.values_list(name, flat=True))
        yield GaugeMetricFamily(
            f"bifang_syslog_{name}", f"{text} Of the processes that listen now.", value=total
        )
