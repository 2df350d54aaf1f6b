"""Programs: the processes that an installation consists of; when each was last heard of, how far it is behind.

For ``/readyz?full=1``, ``healthcheck``, ``/metrics``, pages, the chat and messages to administrators.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from types import TracebackType
from typing import Final

from django.db import DatabaseError, connections
from django.db.models import Count, Max, Q
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from bifang.channels.models import WEB, Worker
from bifang.channels.queues.notices import waiting_since
from bifang.channels.workers import processes
from bifang.channels.workers.connection_health import SERVICES, WorkerService
from bifang.core.database.db import database_clock, database_now
from bifang.core.errors import ConfigError
from bifang.core.models import SystemConfig
from bifang.core.monitoring.health import HealthCheck
from bifang.core.monitoring.journal import Journal
from bifang.core.registry import Registry

log = logging.getLogger(__name__)
EVERY_S: Final = 10.0
FRESH: Final = timedelta(seconds=30)
LATE: Final = timedelta(minutes=5)  # longer than a restart; behind by as much, it does not catch up by itself


@dataclass(frozen=True, slots=True)
class Program:
    """A kind of process. ``kind``: that of its `Worker` rows. ``wanted``: has it anything to do here? ``behind``: how long
    what it should have begun waits, in seconds; None where nobody can tell. ``checked``: a health check of its own tells
    of it."""

    name: str
    kind: str
    label: str
    command: str
    wanted: Callable[[], bool] = lambda: True
    behind: Callable[[], float | None] = lambda: None
    checked: bool = False


@dataclass(frozen=True, slots=True)
class ProgramStanding:
    """How a program stands. ``alive``: processes with a fresh heartbeat; ``last_seen`` None: never, or stopped in order."""

    program: Program
    wanted: bool
    alive: int
    last_seen: datetime | None
    behind: float | None

    @property
    def trouble(self) -> str:
        """What is wrong and what to do; "" where nothing is. Who stops it in order hears of it when it is behind."""
        start = f"请启动 {self.program.command}，或查看它的日志"
        if self.wanted and not self.alive and self.last_seen:
            return f"{self.program.label}没有在运行（没有正常退出，也没有再启动）：{start}"
        if not self.wanted or self.behind is None or self.behind < LATE.total_seconds():
            return ""
        minutes = f"{self.behind / 60:.0f} 分钟"
        if self.alive:
            return f"{self.program.label}落后 {minutes}：它忙不过来或停住了，请查看它的日志"
        return f"{self.program.label}没有在运行，该做的已经等了 {minutes}：{start}"


PROGRAMS: Final = Registry[Program](attrgetter("name"))
PROGRAMS.add(Program(WEB, WEB, "网页", "python -m gunicorn bifang.wsgi"))


def standings() -> list[ProgramStanding]:
    """Of every program, those that serve chats first."""
    return _standings([*map(_serving, SERVICES), *PROGRAMS])


def heartbeats() -> Mapping[str, tuple[int, datetime | None]]:
    """By kind of process: how many have a fresh heartbeat, and when the last one was."""
    fresh = Count("pk", filter=Q(heartbeat_at__gte=database_clock() - FRESH))
    rows = Worker.objects.order_by().values_list("kind").annotate(fresh=fresh, last=Max("heartbeat_at"))
    return {kind: (alive, last) for kind, alive, last in rows}


def _standings(
    programs: Sequence[Program], seen: Mapping[str, tuple[int, datetime | None]] | None = None
) -> list[ProgramStanding]:
    seen = heartbeats() if seen is None else seen
    return [
        ProgramStanding(each, each.wanted(), *seen.get(each.kind, (0, None)), each.behind())
        for each in programs
    ]


def troubles(
    *, checked: bool = False, seen: Mapping[str, tuple[int, datetime | None]] | None = None
) -> list[ProgramStanding]:
    """The programs that are dead or behind: those without a check of their own, or all but what serves chats. ``seen``: the
    `heartbeats`, where they are known already."""
    found = [each for each in PROGRAMS if checked or not each.checked]
    return [each for each in _standings(found, seen) if each.trouble]


def _serving(service: WorkerService) -> Program:
    def wanted() -> bool:
        return SystemConfig.objects.enabled(service.kind).exists()

    name = service.prefix.strip("_") or "stream"
    return Program(name, service.kind, service.name, service.command, wanted, _oldest_message, checked=True)


def _oldest_message() -> float:
    since = waiting_since()
    return max((database_now() - since).total_seconds(), 0.0) if since else 0.0


def as_json() -> Mapping[str, object]:
    """``{name: {alive, last_seen, behind}}``: whether, an ISO time or null, seconds or null."""
    return {
        each.program.name: {
            "alive": bool(each.alive),
            "last_seen": each.last_seen.isoformat() if each.last_seen else None,
            "behind": None if each.behind is None else round(each.behind),
        }
        for each in standings()
    }


def check_programs() -> str:
    """None is dead or behind. Raises ConfigError."""
    if wrong := [each.trouble for each in troubles()]:
        raise ConfigError(f"{'；'.join(wrong)}。")
    return "没有停住的，也没有落后的"


CHECK: Final = HealthCheck(
    "programs", "进程", check_programs, needs=("migrations",), advisory=True,
    remedy="有进程没有运行，或者落后：请在服务器上执行 python manage.py healthcheck 查看是哪一个。",
)  # fmt: skip


def collect_programs() -> Iterable[Metric]:
    """Live processes of each program, and how far it is behind."""
    alive = GaugeMetricFamily(
        "bifang_processes_alive", "Processes with a fresh heartbeat, by program.", labels=["program"]
    )
    behind = GaugeMetricFamily(
        "bifang_process_behind_seconds", "How long what the program should have begun waits.", labels=["program"]
    )  # fmt: skip
    for each in standings():
        alive.add_metric([each.program.name], each.alive)
        if each.behind is not None:
            behind.add_metric([each.program.name], each.behind)
    yield from (alive, behind)


class Heart:
    """Has the heartbeat of this process written while the block runs, by a thread: for programs without a loop of ours."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heart", daemon=True)
        self._journal = Journal(log, f"{kind} 心跳")

    def __enter__(self) -> "Heart":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(2.0)

    def _beat(self) -> None:
        stopped = False
        while not stopped:
            try:
                processes.beat_as(self._kind)
                self._journal.calm()
            except DatabaseError as error:
                self._journal.write(type(error).__name__, f"写不进数据库：{error}")
            finally:
                connections.close_all()
            stopped = self._stop.wait(EVERY_S)
        try:
            processes.withdraw()
        except DatabaseError:
            log.warning("%s 停止时没有写进数据库", self._kind)
        finally:
            connections.close_all()
