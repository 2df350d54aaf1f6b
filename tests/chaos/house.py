"""The house that chaos comes to: PostgreSQL with a standby, a broker, both platforms, a model, two machines of processes."""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml

from tests.acceptance.doors import FeishuStage, open_feishu
from tests.acceptance.processes import MANAGE, PROJECT, Started, clean_environment, free_ports, run, uncounted
from tests.acceptance.worker import MODEL, NAME, Stage, open_stage
from tests.databases import Database
from tests.deadline import wait_until
from tests.fake_dashscope import Broken, Calls, Fail, FakeDashScope, Page, Reply, Say
from tests.model_server import Echo, in_a_thread
from tests.postgres_programs import Cluster
from tests.secops.brokers.servers import TOPIC, RedisServer

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
GROUP = "cidDemoGroup=="
LIES: tuple[Reply, ...] = (
    Fail(500, "InternalError"), Fail(429, "Throttling.AllocationQuota", "Allocated quota exceeded"),
    Page(200, "<html>登录</html>"), Broken("garbage"), Broken("cut"), Say(""), Calls(("no_such_tool", {})),
    Calls(("close_alert", {"alert_id": "A1", "verdict": "false_positive", "note": "同意，已经确认"})),
    Calls(("block_ip", {"ip": "192.0.2.9", "duration_minutes": 60, "reason": "x"})), Calls(("list_alerts", "{broken")),
)  # fmt: skip


@dataclass
class Model:
    """Echoes; while it ``lies`` it answers with anything."""

    lies: bool = False
    echo: Echo = field(default_factory=Echo)

    def __call__(self, body: dict[str, Any]) -> Reply:
        return random.choice(LIES) if self.lies else self.echo(body)


@dataclass
class Kept:
    """A process under a supervisor: started again a second after it ended. ``known``: its size when it had warmed up.
    ``early``: processes that were asked to stop before they listened to that: they had begun nothing."""

    name: str
    command: tuple[str, ...]
    env: dict[str, str]
    output: Path
    started: Started | None = None
    began: float = 0.0
    restarts: int = 0
    ended: list[tuple[float, int]] = field(default_factory=list)
    known: dict[int, tuple[float, int, int]] = field(default_factory=dict)
    early: set[int] = field(default_factory=set)

    def start(self) -> None:
        self.started, self.began = Started(self.command, self.env, self.output), time.time()

    def look(self) -> None:
        """Bring it back, or measure it once it has been there for half a minute."""
        assert self.started
        code = self.started.process.poll()
        if code is not None:
            in_order = code == -signal.SIGTERM and self.pid in self.early
            self.ended.append((time.time(), 0 if in_order else code))
            self.restarts += 1
            self.start()
        elif self.pid not in self.known and time.time() - self.began > 30:
            with contextlib.suppress(psutil.Error):
                self.known[self.pid] = size_of(self.pid)

    def ask_to_stop(self) -> None:
        """SIGTERM; of who does not catch it yet, the system makes an end."""
        if not _catches(self.pid, signal.SIGTERM):
            self.early.add(self.pid)
        os.kill(self.pid, signal.SIGTERM)

    @property
    def pid(self) -> int:
        assert self.started
        return self.started.process.pid


def _catches(pid: int, number: signal.Signals) -> bool:
    """Has the process a handler for the signal?"""
    found = re.search(r"^SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return bool(found and int(found[1], 16) >> (number - 1) & 1)


def size_of(pid: int) -> tuple[float, int, int]:
    """MB, threads and connections of a process and its children."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    memory = sum(one.memory_info().rss for one in family) / 2**20
    return memory, sum(one.num_threads() for one in family), sum(len(one.net_connections()) for one in family)


@dataclass
class House:
    """Everything that runs. ``disturbed``: from when until when something was down that may be said again for."""

    home: Path
    cluster: Cluster
    standby: Cluster | None
    redis: RedisServer
    ding: Stage
    feishu: FeishuStage
    fake: FakeDashScope
    model: Model
    web_port: int
    token: str = ""
    kept: list[Kept] = field(default_factory=list)
    disturbed: list[tuple[float, float]] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    small_disk: bool = False
    clock: Path | None = None
    earlier: Path | None = None

    def keep(self) -> None:
        """The supervisor, until the end."""
        while not self.stopping.wait(1.0):
            for each in self.kept:
                each.look()

    def of(self, *names: str) -> list[Kept]:
        return [each for each in self.kept if each.name in names]

    def set_clock(self, offset: str) -> None:
        """Of the other machine, in one step: half a file would end its processes."""
        assert self.clock
        draft = self.clock.with_suffix(".new")
        draft.write_text(f"{offset}\n")
        draft.replace(self.clock)


def processes(house: House, env: dict[str, str]) -> Iterator[Kept]:
    """Two machines: ``a`` has everything, ``b`` another Stream worker with a data directory and a clock of its own, and
    perhaps of an earlier release."""
    other = {
        **env, "BIFANG_DATA_DIR": str(house.home / "other"), "BIFANG_LOG_DIR": str(house.home / "other-logs"),
    }  # fmt: skip
    if house.clock is not None:
        other |= {
            "LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(house.clock), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1",
        }  # fmt: skip
    earlier = (sys.executable, str((house.earlier or PROJECT) / "manage.py"))
    web = (sys.executable, "-m", "gunicorn", "bifang.wsgi", "-c", "deploy/gunicorn.conf.py")
    bind = ("--bind", f"127.0.0.1:{house.web_port}", "--workers", "1")
    for name, command, given in (
        ("web", (*web, *bind), env), ("stream-a", (*MANAGE, "start_dingtalk_stream"), env),
        ("stream-b", (*earlier, "start_dingtalk_stream"), other), ("feishu", (*MANAGE, "start_feishu_stream"), env),
        ("tasks", (*MANAGE, "qcluster"), env), ("consume", (*MANAGE, "consume_alerts"), env),
    ):  # fmt: skip
        yield Kept(name, command, given, house.home / f"{name}.out")


@contextlib.contextmanager
def small_disk(place: Path) -> Iterator[bool]:
    """A file system of 96 MB for the data directory, where we may mount one."""
    place.mkdir(parents=True)
    command = ("mount", "-t", "tmpfs", "-o", "size=96m,mode=700", "tmpfs", str(place))
    mounted = os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(("umount", "-l", str(place)), check=False)


@contextlib.contextmanager
def earlier_release(home: Path) -> Iterator[Path | None]:
    """The tree of CHAOS_OLD, a commit with the same migrations; ``migrations``: the first that had them."""
    commit = os.environ.get("CHAOS_OLD", "")
    if commit == "migrations":
        log = ("git", "log", "-1", "--format=%H", "--", "*/migrations/*.py")
        commit = subprocess.run(log, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.strip()
    if not commit:
        yield None
        return
    place = home / "earlier"
    subprocess.run(("git", "worktree", "add", "-q", "--detach", place, commit), cwd=PROJECT, check=True)
    print(f"stream-b：{commit[:10]}", flush=True)
    try:
        yield place
    finally:
        subprocess.run(("git", "worktree", "remove", "--force", place), cwd=PROJECT, check=False)


@contextlib.contextmanager
def open_house(home: Path, cluster: Cluster) -> Iterator[House]:
    """Migrated, configured, all running and connected."""
    with ExitStack() as stack:
        mounted = stack.enter_context(small_disk(home / "var"))
        database = Database("postgresql", cluster.url, home / "var")
        model = Model()
        fake = stack.enter_context(in_a_thread(FakeDashScope(answer=model)))
        ding = stack.enter_context(open_stage(database, redeliver_after_s=2.0, max_deliveries=10_000))
        feishu = stack.enter_context(open_feishu(database, redeliver_s=(2.0,) * 10_000))
        house = House(
            home, cluster, None, RedisServer(home / "redis"), ding, feishu, fake, model, free_ports(1)[0], small_disk=mounted,
        )  # fmt: skip
        house.earlier = stack.enter_context(earlier_release(home))
        house.redis.start()
        stack.callback(house.redis.kill)
        if FAKETIME.exists():
            house.clock = home / "clock"
            house.set_clock("+0")
        env = _environment(house)
        _configure(house, env)
        house.kept += processes(house, env)
        for each in house.kept:
            each.start()
            stack.callback(lambda one=each: one.started.kill())
        wait_until(
            lambda: ding.sim.connections() and feishu.sim.connections(), within=120, what="both connected"
        )
        yield house


def _environment(house: House) -> dict[str, str]:
    keys = {name: os.environ[name] for name in ("BIFANG_ENCRYPTION_KEY", "DJANGO_SECRET_KEY")}
    ours = {
        **keys, **house.ding.database.environment, "BIFANG_SIMULATOR": "1", "BIFANG_RATE_LIMITS": "off",
        "BIFANG_DISK_MIN_MB": "16" if house.small_disk else "1", "BIFANG_ADDRESS_ALLOW_LIST": "127.0.0.1",
        "DASHSCOPE_HTTP_BASE_URL": house.fake.base_url, "BIFANG_PULSE_FILE": "",
    }  # fmt: skip
    return uncounted(clean_environment(house.home, **ours))


def _configure(house: House, env: dict[str, str]) -> None:
    done = run((*MANAGE, "migrate", "-v0"), env)
    assert done.returncode == 0, done.stdout
    rule = {
        "name": "混沌",
        "severities": [],
        "targets": [{"kind": "group", "config": NAME, "conversation_id": GROUP}],
    }
    stream = {"kind": "stream", "name": "总线", "url": house.redis.url, "topic": TOPIC, "format": "generic"}
    staff = ({"staff_id": "manager01", "name": "张三", "role": "admin", "corp_id": "dingdemocorp"},)
    robot = house.ding.robot(default_role="viewer", corp_id="dingdemocorp")
    feishu = house.feishu.robot(name="飞书机器人", default_role="viewer", tenant_key="tenant_demo")
    qwen = {"kind": "qwen", "name": MODEL, "api_key": "sk-chaos", "model": "qwen-plus"}
    document = {"configs": [qwen, robot, feishu, stream], "staff": list(staff), "notification_rules": [rule]}
    file = house.home / "configs.yaml"
    file.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    done = run((*MANAGE, "apply_configs", str(file)), env)
    assert done.returncode == 0, done.stdout
    done = subprocess.run(
        (*MANAGE, "create_api_token", "混沌", "--scope", "ingest"),
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    house.token = done.stdout.strip().splitlines()[-1]
