"""Do the workers of each channel live, and are they connected? For ``/readyz``, ``/metrics``, pages and checks."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from operator import attrgetter
from typing import Any, Final

from django.db.models import Q, QuerySet
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from bifang.channels.models import ClientState, ClientStatus, Outage, Worker
from bifang.channels.workers.client_status import FRESH
from bifang.core.database.db import database_clock, database_now
from bifang.core.errors import ConfigError
from bifang.core.models import SystemConfig
from bifang.core.monitoring.health import HealthCheck
from bifang.core.registry import Registry

MUTE = timedelta(seconds=50)  # after the interval of pings: they are waited for, and we may be late to say so
BEST_FIRST = (
    ClientStatus.CONNECTED, ClientStatus.CONNECTING, ClientStatus.RETRYING, ClientStatus.PARKED, ClientStatus.STOPPED,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WorkerService:
    """The service that serves one kind of configuration, as operators know it.

    ``title``: the platform; ``label``: the service, a space before it where it begins with Latin letters. ``program``:
    its management command, ``check``: the one that finds out what is wrong. ``switch``: the field that asks for a
    connection, ``switch_label`` its label, ``unconnected`` what a configuration does without. ``credentials``: what
    to compare when it is refused. ``ping_s``: the seconds between two pings, at most. ``packages``: what it must
    be able to import. ``prefix`` of its health checks' names.
    """

    kind: str
    title: str
    label: str
    program: str
    check: str
    switch: str
    switch_label: str
    unconnected: str
    credentials: str
    ping_s: float = 10.0
    packages: tuple[str, ...] = ()
    prefix: str = ""

    @property
    def command(self) -> str:
        """What starts it."""
        return f"python manage.py {self.program}"

    @property
    def name(self) -> str:
        """The service at the head of a sentence."""
        return self.label.strip()

    def wants_connection(self, config: SystemConfig) -> bool:
        """Is the switch on?"""
        return bool(config.params.get(self.switch, True))

    def pushed(self) -> list[SystemConfig]:
        """The enabled configurations that want a connection."""
        rows = SystemConfig.objects.enabled(self.kind).only("pk", "name", "params", "updated_at")
        return [row for row in rows if self.wants_connection(row)]

    def alive(self) -> QuerySet[Worker]:
        """Workers of this service with a fresh heartbeat."""
        return _alive().filter(kind__in=("", self.kind))

    def scopes(self) -> set[str]:
        """The configuration ids that live workers are restricted to; "" for one that serves all."""
        return set(self.alive().values_list("scope", flat=True))

    def workers_of(self, config_id: int) -> list[Worker]:
        """Live workers that serve this configuration (all, or by ``--config-id``)."""
        return list(self.alive().filter(Q(scope="") | Q(scope=str(config_id))))

    def died(self, config_id: int) -> bool:
        """Did the last worker of this configuration go without a word? One that stops in order takes its row along."""
        rows = Worker.objects.filter(scope__in=("", str(config_id)), kind__in=("", self.kind))
        return rows.exists() and not self.workers_of(config_id)


@dataclass(frozen=True, slots=True)
class RobotConnection:
    """A configuration that wants a connection, and how that is; ``status`` None: nobody says.

    ``error``: what the platform answered, or why there is no connection; redacted.
    """

    service: WorkerService
    config: SystemConfig
    status: ClientStatus | None
    error: str = ""

    @property
    def is_up(self) -> bool:
        """Some worker holds it."""
        return self.status == ClientStatus.CONNECTED

    @property
    def is_down(self) -> bool:
        """It should be there and is not. A service that was stopped in order says nothing of it."""
        return self.status is not None and not self.is_up


SERVICES: Final = Registry["WorkerService"](attrgetter("kind"))


def program_of(kind: str) -> str:
    """The command that serves configurations of this kind; "" where none does."""
    return next((service.program for service in SERVICES if service.kind == kind), "")


def checks_of(service: WorkerService) -> tuple[HealthCheck, HealthCheck]:
    """Its health checks: does a worker live, and is it connected?"""
    worker = HealthCheck(
        f"{service.prefix}worker", service.name, partial(check_workers, service), needs=("migrations",),
        remedy=f"有启用的{service.title}配置，但没有正在运行的{service.label}：请启动 {service.command}，或查看它的日志。",
    )  # fmt: skip
    connection = HealthCheck(
        f"{service.prefix}connection", f"{service.title}连接", partial(check_connections, service), needs=(worker.name,),
        remedy=f"有启用的{service.title}配置没有连上{service.title}：请看「系统配置」里它的状态，"
        f"或执行 python manage.py {service.check}。",
    )  # fmt: skip
    return worker, connection


def live_states(config_id: int) -> list[ClientState]:
    """What workers said of this configuration's connection lately, the best first."""
    return _fresh_states(config_id=config_id).get(config_id, [])


def states_of(config_ids: Iterable[int]) -> dict[int, list[ClientState]]:
    """`live_states` of several."""
    return _fresh_states(config_id__in=list(config_ids))


def _fresh_states(**which: Any) -> dict[int, list[ClientState]]:
    """What workers said lately, by configuration, the best first."""
    found: dict[int, list[ClientState]] = {}
    rows = ClientState.objects.filter(updated_at__gte=database_clock() - FRESH, **which)
    for row in sorted(rows, key=lambda row: BEST_FIRST.index(ClientStatus(row.status))):
        found.setdefault(row.config_id, []).append(row)
    return found


def robot_connections() -> list[RobotConnection]:
    """Every configuration that wants a connection, and how that is now."""
    fresh = _fresh_states()
    return [
        _connection(service, row, fresh.get(row.pk, [])) for service in SERVICES for row in service.pushed()
    ]


def _connection(service: WorkerService, row: SystemConfig, states: list[ClientState]) -> RobotConnection:
    if states:
        return RobotConnection(service, row, ClientStatus(states[0].status), states[0].last_error)
    if service.died(row.pk):
        why = f"{service.name}没有正常退出，也没有再启动：请启动 {service.command}，或查看它的日志。"
        return RobotConnection(service, row, ClientStatus.STOPPED, why)
    return RobotConnection(service, row, None)


def missing_services() -> list[WorkerService]:
    """Those that enabled configurations wait for."""
    return [service for service, rows in _unserved(SERVICES) if rows]


def _unserved(services: Iterable[WorkerService]) -> list[tuple[WorkerService, list[SystemConfig]]]:
    """Each with its enabled configurations without a live worker: answers, too, need one. Two queries."""
    wanted = list(
        SystemConfig.objects.current().filter(enabled=True).order_by("id").only("pk", "name", "kind")
    )
    live = set(_alive().values_list("kind", "scope"))
    found = []
    for service in services:
        scopes = {scope for kind, scope in live if kind in ("", service.kind)}
        mine = [row for row in wanted if row.kind == service.kind and str(row.pk) not in scopes]
        found.append((service, [] if "" in scopes else mine))
    return found


def _alive() -> QuerySet[Worker]:
    return Worker.objects.filter(heartbeat_at__gte=database_clock() - FRESH)


def check_workers(service: WorkerService) -> str:
    """Each enabled configuration has a live worker. Raises ConfigError."""
    if not SystemConfig.objects.enabled(service.kind).exists():
        return f"没有启用的{service.title}配置，不需要运行"
    [(_, alone)] = _unserved([service])
    if alone:
        named = "、".join(f"「{row.name}」（ID {row.pk}）" for row in alone[:3])
        more = "等" if len(alone) > 3 else ""
        raise ConfigError(
            f"没有正在运行的{service.label}负责 {named}{more}（15 秒内没有心跳）："
            f"请启动 {service.command}，或查看它的日志。"
        )
    return "心跳正常"


def check_connections(service: WorkerService) -> str:
    """Each configuration that wants a connection has one, or is just (re)connecting. Raises ConfigError."""
    wanted, states = service.pushed(), _fresh_states()
    told = [(row, _describe_trouble(service, row, states.get(row.pk, []))) for row in wanted]
    unknown = dict(Outage.objects.exclude(problem="").values_list("config_id", "problem"))
    dead = [
        f"「{row.name}」（ID {row.pk}）{trouble}{unknown.get(row.pk, '')}" for row, trouble in told if trouble
    ]
    if dead:
        raise ConfigError(f"没有连上{service.title}：{'；'.join(dead[:3])}{'；等' if len(dead) > 3 else ''}")
    if not wanted:
        return f"没有{service.switch_label}的{service.title}配置，不需要连接"
    echoes = [f"「{row.name}」{describe_echo(states[row.pk][0])}" for row in wanted if states.get(row.pk)]
    return "已连接" + (f"：{'；'.join(echoes[:3])}" if echoes else "")


def _describe_trouble(service: WorkerService, row: SystemConfig, states: list[ClientState]) -> str:
    """Why this configuration has no connection; "" if it has one, or has lacked it for a moment only."""
    lately = database_now() - FRESH
    if not states:
        started = (worker.started_at for worker in service.workers_of(row.pk))
        served_since = max([row.updated_at, *started])
        return "" if served_since > lately else f"没有连接的消息，请查看{service.label}的日志"
    best = states[0]
    if best.status == ClientStatus.CONNECTED:
        return ""
    if best.status in (ClientStatus.CONNECTING, ClientStatus.RETRYING) and best.since > lately:
        return ""
    return f"{best.get_status_display()}：{best.last_error}"


def describe_echo(state: ClientState) -> str:
    """The loop-back check of a connection: a ping to the platform and back, which no quota counts."""
    if state.answered_at is None:
        return "还没有心跳应答"
    seconds = max((database_now() - state.answered_at).total_seconds(), 0)
    return f"{seconds:.0f} 秒前有心跳应答，往返 {state.round_trip_ms or 0} 毫秒"


def is_mute(service: WorkerService, state: ClientState) -> bool:
    """Said to be connected, but the platform has not answered for long."""
    patience = MUTE + timedelta(seconds=service.ping_s)
    return state.answered_at is not None and database_now() - state.answered_at > patience


def collect_connections() -> Iterable[Metric]:
    """Connected or not, and frames received, for each configuration that wants a connection."""
    connected = GaugeMetricFamily(
        "bifang_stream_connected",
        "1 if a worker holds an open connection for this configuration (its ID), else 0.",
        labels=["config"],
    )
    received = CounterMetricFamily(
        "bifang_stream_messages_received",
        "Messages, events and card clicks received since the workers of this configuration were started.",
        labels=["config"],
    )
    echo = GaugeMetricFamily(
        "bifang_stream_round_trip_seconds",
        "How long the last ping to the platform and back took, in the best connection.",
        labels=["config"],
    )
    fresh = _fresh_states()
    for row in [row for service in SERVICES for row in service.pushed()]:
        states = fresh.get(row.pk, [])
        if states and states[0].round_trip_ms is not None:
            echo.add_metric([str(row.pk)], states[0].round_trip_ms / 1000)
        open_now = any(state.status == ClientStatus.CONNECTED for state in states)
        connected.add_metric([str(row.pk)], float(open_now))
        received.add_metric([str(row.pk)], sum(state.messages_received for state in states))
    yield from (connected, received, echo)
